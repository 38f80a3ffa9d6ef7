// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "optim/optimizer.h"
#include "optim/update_block.h"

namespace lambert {

/// What LAMB and LARS have in common: fp32 moments, and one trust ratio per tensor from
/// whole-tensor norms. Owns the moments; the weights belong to the model.
class LayerwiseOptimizer : public Optimizer {
 public:
  void reset_moments() override;
  std::vector<OptimizerMoments>& moments() override { return moments_; }
  std::int64_t step_count() const override { return step_count_; }
  void set_step_count(std::int64_t count) override { step_count_ = count; }
  const std::vector<ParameterTreatment>& treatments() const override { return treatments_; }
  const std::vector<TensorUpdate>& last_updates() const override { return updates_; }

 protected:
  LayerwiseOptimizer(const OptimizerConfig& config, const std::vector<NamedParameter>& parameters,
                     bool has_second_moment);

  const OptimizerConfig& config() const { return config_; }
  const NamedParameter& parameter(std::size_t index) const { return parameters_[index]; }
  const OptimizerMoments& moments_of(std::size_t index) const { return moments_[index]; }
  /// Once per step, before the tensors. Throws InternalError for gradients of other parameters.
  void begin_step(const ReducedGradients& gradients);
  /// The trust ratio of a tensor: min(weight_norm, weight_norm_max) / update_norm clamped to its
  /// range; 1 when a norm is zero or the tensor is not adapted. Kept for last_updates().
  double trust_ratio(std::size_t index, double weight_norm, double update_norm);

 private:
  OptimizerConfig config_;
  std::vector<NamedParameter> parameters_;
  std::vector<ParameterTreatment> treatments_;
  std::vector<OptimizerMoments> moments_;
  std::vector<TensorUpdate> updates_;
  std::int64_t step_count_ = 0;
};

}  // namespace lambert
