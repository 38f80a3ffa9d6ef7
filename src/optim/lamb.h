// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "optim/optimizer.h"

namespace lambert {

/// LAMB; AdamW is the case in which no tensor is adapted. Owns the moments; the weights belong to
/// the model.
///
/// Per tensor, with t counted from 1 (You et al. 2020, algorithm 2):
///   m += (1 - beta1) * (g - m),  v += (1 - beta2) * (g * g - v)
///   u  = m^ / (sqrt(v^) + epsilon) + weight_decay * w      (decay for decayed tensors only)
///   w -= learning_rate * trust * u,  trust = min(|w|, weight_norm_max) / |u| clamped to its range;
///   1 when a norm
///        is zero or the tensor is not adapted. Norms are over the whole tensor, in double.
class Lamb final : public Optimizer {
 public:
  Lamb(const OptimizerConfig& config, const std::vector<NamedParameter>& parameters);

  void step(const ReducedGradients& gradients, double clip_scale, double learning_rate) override;
  void reset_moments() override;
  std::vector<OptimizerMoments>& moments() override { return moments_; }
  std::int64_t step_count() const override { return step_count_; }
  void set_step_count(std::int64_t count) override { step_count_ = count; }
  const std::vector<ParameterTreatment>& treatments() const override { return treatments_; }
  const std::vector<double>& trust_ratios() const override { return trust_ratios_; }

 private:
  double trust_ratio(double weight_norm, double update_norm) const;

  OptimizerConfig config_;
  std::vector<NamedParameter> parameters_;
  std::vector<ParameterTreatment> treatments_;
  std::vector<OptimizerMoments> moments_;
  std::vector<double> trust_ratios_;
  std::int64_t step_count_ = 0;
};

}  // namespace lambert
