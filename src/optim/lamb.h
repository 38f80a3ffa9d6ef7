// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/lamb_update.h"
#include "optim/layerwise_optimizer.h"

namespace lambert {

/// LAMB; AdamW is the case in which no tensor is adapted.
///
/// Per tensor, with t counted from 1 (You et al. 2020, algorithm 2):
///   m += (1 - beta1) * (g - m),  v += (1 - beta2) * (g * g - v)
///   u  = m^ / (sqrt(v^) + epsilon) + weight_decay * w      (decay for decayed tensors only)
///   w -= learning_rate * trust * u,  trust = min(|w|, weight_norm_max) / |u| clamped to its range;
///   1 when a norm is zero or the tensor is not adapted. Norms are over the whole tensor, in
///   double.
class Lamb final : public LayerwiseOptimizer {
 public:
  Lamb(const OptimizerConfig& config, const std::vector<NamedParameter>& parameters,
       ShardedParameters* sharded)
      : LayerwiseOptimizer(config, parameters, true, sharded) {}

 private:
  void begin_step(double clip_scale, double learning_rate) override;
  SquaredNorms measure(std::size_t index, const UpdateBlock& block) const override;
  float rate_of(std::size_t index, double weight_norm, double update_norm) override;
  void apply(std::size_t index, const UpdateBlock& block, float rate) const override;
  LambStep device_step() const override;
  const UpdateCoefficients& coefficients(std::size_t index) const {
    return treatments()[index].decayed ? decayed_ : not_decayed_;
  }

  // Of the step.
  UpdateCoefficients decayed_;
  UpdateCoefficients not_decayed_;
  double rate_ = 0.0;
};

}  // namespace lambert
