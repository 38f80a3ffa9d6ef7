// SPDX-License-Identifier: Apache-2.0
#include "optim/gradient_norm.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/linalg_vector_norm.h>

#include "kernels/update_block.h"

namespace lambert {
namespace {

/// The sum of each block: sums has one element for each.
void sum_blocks(std::span<const float> values, std::span<double> sums) {
  at::parallel_for(0, static_cast<std::int64_t>(sums.size()), 8,
                   [&](std::int64_t first, std::int64_t last) {
                     for (auto block = static_cast<std::size_t>(first);
                          block < static_cast<std::size_t>(last); ++block) {
                       const std::size_t begin = block * kUpdateBlock;
                       const std::size_t count = std::min(kUpdateBlock, values.size() - begin);
                       sums[block] = sum_of_squares(values.subspan(begin, count));
                     }
                   });
}

std::span<const float> floats_of(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

double sum_in_order(std::span<const double> sums) {
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

/// The square of each parameter's norm.
std::vector<double> squared_norms(const GradientBuckets& buckets) {
  std::vector<double> squares;
  for (std::size_t index = 0; index < buckets.parameters().size(); ++index) {
    squares.push_back(squared_norm(buckets.gradient(index)));
  }
  return squares;
}

/// The same bits, from the own ranges of all ranks.
std::vector<double> squared_norms(const GradientBuckets& buckets, ShardedParameters& sharded) {
  std::vector<double> sums(sharded.block_count());
  for (std::size_t index = 0; index < buckets.parameters().size(); ++index) {
    const ElementRange own = sharded.own_range(index);
    const std::span<double> blocks = std::span(sums).subspan(
        sharded.first_block(index) + own.begin / kUpdateBlock, block_count_of(own.size()));
    sum_blocks(floats_of(buckets.gradient(index)).subspan(own.begin, own.size()), blocks);
  }
  sharded.complete(std::as_writable_bytes(std::span(sums)));
  std::vector<double> squares;
  for (std::size_t index = 0; index < buckets.parameters().size(); ++index) {
    const auto elements = static_cast<std::size_t>(buckets.gradient(index).numel());
    squares.push_back(sum_in_order(
        std::span(sums).subspan(sharded.first_block(index), block_count_of(elements))));
  }
  return squares;
}

}  // namespace

/// Block sums are added in block order, so the thread count does not change a bit.
double squared_norm(const at::Tensor& tensor) {
  if (!tensor.is_cpu()) {
    const double norm =
        at::linalg_vector_norm(tensor, 2, std::nullopt, false, at::kDouble).item<double>();
    return norm * norm;
  }
  const std::span<const float> values = floats_of(tensor);
  std::vector<double> sums(block_count_of(values.size()));
  sum_blocks(values, sums);
  return sum_in_order(sums);
}

double GradientNorm::clip_scale(double max_norm) const {
  return max_norm > 0.0 && value > max_norm ? max_norm / value : 1.0;
}

GradientNorm measure_gradient_norm(const ReducedGradients& gradients) {
  const GradientBuckets& buckets = gradients.buckets();
  const std::vector<double> squares = gradients.sharded() == nullptr
                                          ? squared_norms(buckets)
                                          : squared_norms(buckets, *gradients.sharded());
  const double sum = sum_in_order(squares);
  // Squares of finite fp32 numbers cannot overflow a double: the norm is finite exactly when all
  // gradients are.
  GradientNorm norm{std::sqrt(sum), std::isfinite(sum)};
  for (std::size_t index = 0; index < squares.size() && norm.non_finite_tensor.empty(); ++index) {
    if (!std::isfinite(squares[index])) {
      norm.non_finite_tensor = buckets.parameters()[index].name;
    }
  }
  return norm;
}

}  // namespace lambert
