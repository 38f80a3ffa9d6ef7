// SPDX-License-Identifier: Apache-2.0
#include "gradients/fixed_point_sum.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <string>

#include <ATen/Parallel.h>

#include "base/error.h"
#include "gradients/fixed_point_terms.h"

namespace lambert {
namespace {

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
  std::atomic<std::int64_t> left_out = 0;
  at::parallel_for(0, count, kElementsPerTask, [&](std::int64_t begin, std::int64_t end) {
    left_out += add_terms(terms + begin, end - begin, largest_term, integers_.data() + begin);
  });
  integers_.back() += left_out;
}

void FixedPointSum::move_to(const at::Tensor& values, std::size_t begin, std::size_t end) {
  const bool is_complete = integers_.back() == 0;
  float* const sums = values.data_ptr<float>();
  at::parallel_for(static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end),
                   kElementsPerTask, [&](std::int64_t first, std::int64_t last) {
                     take_sums(integers_.data() + first, last - first, sums + first);
                   });
  if (!is_complete) {
    std::fill(sums + begin, sums + end, std::numeric_limits<float>::quiet_NaN());
  }
  std::fill(integers_.begin(), integers_.begin() + static_cast<std::ptrdiff_t>(begin), 0);
  std::fill(integers_.begin() + static_cast<std::ptrdiff_t>(end), integers_.end(), 0);
}

}  // namespace lambert
