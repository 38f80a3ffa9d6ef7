// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

namespace lambert {

// Sums that do not depend on the order of adding
// ----------------------------------------------
// Floating-point sums over micro-batches and ranks depend on how the ranks were dealt the
// micro-batches. Integer sums do not. So every TERM (the gradient of one micro-batch) is rounded to
// a multiple of 2^-44, and the multiples are added as 64-bit integers, on this rank and by the
// ring. 2^-44 = 5.7e-14 is far below the rounding error of an fp32 gradient of usual size (1e-7
// relative of 1e-5), and leaves 2^19 = 524,288 for the largest sum. A term that could carry the sum
// past half of that, NaN and infinity included, is counted instead of added; a sum with such terms
// is NaN everywhere, which the step treats as any other non-finite gradient.

/// The sum of fp32 tensors of one size. Memory: 8 bytes per element.
class FixedPointSum {
 public:
  explicit FixedPointSum(std::int64_t element_count);

  /// Adds values (element_count) fp32. term_count: how many terms all ranks add together.
  void add(const at::Tensor& values, std::int64_t term_count);
  /// The integers, for the sum over ranks.
  std::span<std::int64_t> integers() { return integers_; }
  /// Writes the elements begin to end of the sum to values (element_count) fp32, rounded once, and
  /// starts again from zero.
  void move_to(const at::Tensor& values, std::size_t begin, std::size_t end);
  void move_to(const at::Tensor& values) { move_to(values, 0, integers_.size() - 1); }

 private:
  std::vector<std::int64_t>
      integers_;  // (element_count + 1): the last one counts what was not added
};

}  // namespace lambert
