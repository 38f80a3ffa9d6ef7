// SPDX-License-Identifier: Apache-2.0
#include "kernels/lars_update.h"

namespace lambert {
namespace {

float decayed_gradient(const UpdateBlock& block, const LarsCoefficients& c, std::size_t i) {
  return block.gradient[i] * c.gradient_scale + c.weight_decay * block.weight[i];
}

}  // namespace

SquaredNorms update_momentum(const UpdateBlock& block, const LarsCoefficients& coefficients) {
  for (std::size_t i = 0; i < block.count; ++i) {
    block.first[i] += coefficients.increment * decayed_gradient(block, coefficients, i) -
                      coefficients.decrement * block.first[i];
  }
  return {sum_of_squares({block.weight, block.count}), sum_of_squares({block.first, block.count})};
}

void apply_momentum(const UpdateBlock& block, float rate) {
  for (std::size_t i = 0; i < block.count; ++i) {
    block.weight[i] -= rate * block.first[i];
  }
  round_weights(block);
}

SquaredNorms measure_gradient(const UpdateBlock& block, const LarsCoefficients& coefficients) {
  const double scale = static_cast<double>(coefficients.gradient_scale);
  return {sum_of_squares({block.weight, block.count}),
          scale * scale * sum_of_squares({block.gradient, block.count})};
}

void apply_scaled_gradient(const UpdateBlock& block, const LarsCoefficients& coefficients,
                           float rate) {
  for (std::size_t i = 0; i < block.count; ++i) {
    block.first[i] +=
        rate * decayed_gradient(block, coefficients, i) - coefficients.decrement * block.first[i];
    block.weight[i] -= block.first[i];
  }
  round_weights(block);
}

}  // namespace lambert
