// SPDX-License-Identifier: Apache-2.0
#include "gradients/fixed_point_terms.h"

#include <cmath>

namespace lambert {
namespace {

constexpr double kMultiplesOfOne = 17592186044416.0;  // 2^44

}  // namespace

std::int64_t add_terms(const float* terms, std::int64_t count, double largest_multiples,
                       std::int64_t* sums) {
  std::int64_t left_out = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const double multiples = static_cast<double>(terms[i]) * kMultiplesOfOne;
    const bool fits = std::abs(multiples) <= largest_multiples;  // false for NaN
    // rint and a cast instead of llrint: the compiler has vector instructions for both.
    sums[i] += static_cast<std::int64_t>(std::rint(fits ? multiples : 0.0));
    left_out += fits ? 0 : 1;
  }
  return left_out;
}

void take_sums(std::int64_t* sums, std::int64_t count, float* values) {
  for (std::int64_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>(static_cast<double>(sums[i]) / kMultiplesOfOne);
    sums[i] = 0;
  }
}

}  // namespace lambert
