// SPDX-License-Identifier: Apache-2.0
#pragma once

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
  Lars(const OptimizerConfig& config, const std::vector<NamedParameter>& parameters)
      : LayerwiseOptimizer(config, parameters, false) {}

  void step(const ReducedGradients& gradients, double clip_scale, double learning_rate) override;
};

}  // namespace lambert
