// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/lars_update.h"
#include "optim/layerwise_optimizer.h"

namespace lambert {

/// LARS: momentum with a trust ratio per tensor; no second moment, no bias correction. x = g +
/// weight_decay * w, phi(z) = min(z, weight_norm_max), the ratio is clamped to its range.
///
/// lars_trust_ratio: momentum (You et al. 2020, algorithm 1, with beta1 = adam_beta1):
///   m  = beta1 * m + (1 - beta1) * x,  w -= learning_rate * coefficient * phi(|w|) / |m| * m
/// lars_trust_ratio: gradient (You, Gitman, Ginsburg 2017, algorithm 1):
///   m  = beta1 * m + learning_rate * coefficient * phi(|w|) / (|g| + weight_decay * |w|) * x,
///   w -= m
/// Where the ratio is 1 because the tensor is not adapted or a norm is zero, so is the coefficient.
class Lars final : public LayerwiseOptimizer {
 public:
  Lars(const OptimizerConfig& config, const std::vector<NamedParameter>& parameters,
       ShardedParameters* sharded);

 private:
  void begin_step(double clip_scale, double learning_rate) override;
  SquaredNorms measure(std::size_t index, const UpdateBlock& block) const override;
  float rate_of(std::size_t index, double weight_norm, double update_norm) override;
  void apply(std::size_t index, const UpdateBlock& block, float rate) const override;
  LambStep device_step() const override;
  bool by_momentum() const { return config().lars_trust_ratio == LarsTrustRatio::momentum; }
  const LarsCoefficients& coefficients(std::size_t index) const {
    return treatments()[index].decayed ? decayed_ : not_decayed_;
  }

  // Of the step.
  LarsCoefficients decayed_;
  LarsCoefficients not_decayed_;
  double rate_ = 0.0;
};

}  // namespace lambert
