// SPDX-License-Identifier: Apache-2.0
#include "optim/gradient_norm.h"

#include <cmath>
#include <numeric>

#include <ATen/Parallel.h>

#include "optim/update_block.h"

namespace lambert {
/// Block sums are added in block order, so the thread count does not change a bit.
double squared_norm(const at::Tensor& tensor) {
  const std::span<const float> values(tensor.const_data_ptr<float>(),
                                      static_cast<std::size_t>(tensor.numel()));
  const std::size_t block_count = (values.size() + kUpdateBlock - 1) / kUpdateBlock;
  std::vector<double> sums(block_count);
  at::parallel_for(0, static_cast<std::int64_t>(block_count), 8,
                   [&](std::int64_t first, std::int64_t last) {
                     for (auto block = static_cast<std::size_t>(first);
                          block < static_cast<std::size_t>(last); ++block) {
                       const std::size_t begin = block * kUpdateBlock;
                       const std::size_t count = std::min(kUpdateBlock, values.size() - begin);
                       sums[block] = sum_of_squares(values.subspan(begin, count));
                     }
                   });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

double GradientNorm::clip_scale(double max_norm) const {
  return max_norm > 0.0 && value > max_norm ? max_norm / value : 1.0;
}

GradientNorm measure_gradient_norm(const ReducedGradients& gradients) {
  const GradientBuckets& buckets = gradients.buckets();
  double sum = 0.0;
  for (std::size_t index = 0; index < buckets.parameters().size(); ++index) {
    sum += squared_norm(buckets.gradient(index));
  }
  // Squares of finite fp32 numbers cannot overflow a double: the norm is finite exactly when all
  // gradients are.
  return {std::sqrt(sum), std::isfinite(sum)};
}

}  // namespace lambert
