// SPDX-License-Identifier: Apache-2.0
#include "gradients/fixed_point_sum.h"

#include <atomic>
#include <cmath>
#include <limits>
#include <string>

#include <ATen/Parallel.h>

#include "base/error.h"

namespace lambert {
namespace {

constexpr double kMultiplesOfOne = 17592186044416.0;   // 2^44
constexpr double kLargestSum = 4611686018427387904.0;  // 2^62, in multiples
constexpr std::int64_t kElementsPerTask = std::int64_t{1} << 15U;

}  // namespace

FixedPointSum::FixedPointSum(std::int64_t element_count)
    : integers_(static_cast<std::size_t>(element_count) + 1, 0) {}

void FixedPointSum::add(const at::Tensor& values, std::int64_t term_count) {
  const std::int64_t count = values.numel();
  LAMBERT_CHECK(count + 1 == static_cast<std::int64_t>(integers_.size()) && term_count > 0,
                "a term of " + std::to_string(count) + " elements");
  const float* const terms = values.const_data_ptr<float>();
  const double largest_term = kLargestSum / static_cast<double>(term_count);
  std::atomic<std::int64_t> not_added = 0;
  at::parallel_for(0, count, kElementsPerTask, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t skipped = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      const double multiples = static_cast<double>(terms[i]) * kMultiplesOfOne;
      const bool fits = std::abs(multiples) <= largest_term;  // false for NaN
      integers_[static_cast<std::size_t>(i)] += std::llrint(fits ? multiples : 0.0);
      skipped += fits ? 0 : 1;
    }
    not_added += skipped;
  });
  integers_.back() += not_added;
}

void FixedPointSum::move_to(const at::Tensor& values) {
  const bool is_complete = integers_.back() == 0;
  float* const sums = values.data_ptr<float>();
  at::parallel_for(0, values.numel(), kElementsPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      std::int64_t& integer = integers_[static_cast<std::size_t>(i)];
      sums[i] = is_complete ? static_cast<float>(static_cast<double>(integer) / kMultiplesOfOne)
                            : std::numeric_limits<float>::quiet_NaN();
      integer = 0;
    }
  });
  integers_.back() = 0;
}

}  // namespace lambert
