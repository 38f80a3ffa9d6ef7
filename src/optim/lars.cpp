// SPDX-License-Identifier: Apache-2.0
#include "optim/lars.h"

#include <cmath>

#include "optim/lars_update.h"
#include "optim/tensor_blocks.h"

namespace lambert {
namespace {

LarsCoefficients coefficients_of(const OptimizerConfig& config, double clip_scale, bool decayed) {
  LarsCoefficients coefficients;
  coefficients.gradient_scale = static_cast<float>(clip_scale);
  coefficients.weight_decay = decayed ? static_cast<float>(config.weight_decay) : 0.0F;
  coefficients.decrement = static_cast<float>(1.0 - config.adam_beta1);
  coefficients.increment =
      config.grad_averaging ? static_cast<float>(1.0 - config.adam_beta1) : 1.0F;
  return coefficients;
}

}  // namespace

void Lars::step(const ReducedGradients& gradients, double clip_scale, double learning_rate) {
  begin_step(gradients);
  const bool by_momentum = config().lars_trust_ratio == LarsTrustRatio::momentum;
  for (std::size_t index = 0; index < treatments().size(); ++index) {
    const LarsCoefficients coefficients =
        coefficients_of(config(), clip_scale, treatments()[index].decayed);
    const UpdateBlock tensor =
        whole_tensor(parameter(index), gradients.buckets().gradient(index), moments_of(index));
    const SquaredNorms squared = sum_over_blocks(tensor, [&](const UpdateBlock& block) {
      return by_momentum ? update_momentum(block, coefficients)
                         : measure_gradient(block, coefficients);
    });
    const double weight_norm = std::sqrt(squared.weight);
    double update_norm = std::sqrt(squared.update);
    if (!by_momentum && update_norm > 0.0 && treatments()[index].decayed) {
      update_norm += config().weight_decay * weight_norm;
    }
    const double trust = trust_ratio(index, weight_norm, update_norm);
    const bool is_scaled = last_updates()[index].is_adapted;
    const auto rate =
        static_cast<float>(learning_rate * trust * (is_scaled ? config().lars_coefficient : 1.0));
    for_each_block(tensor, [&](const UpdateBlock& block) {
      by_momentum ? apply_momentum(block, rate) : apply_scaled_gradient(block, coefficients, rate);
    });
  }
}

}  // namespace lambert
