// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "kernels/update_block.h"
#include "optim/device_update.h"
#include "optim/optimizer.h"

namespace lambert {

/// What LAMB and LARS have in common: fp32 moments, and one trust ratio per tensor from
/// whole-tensor norms. A tensor is passed over twice: measure() every block, then, knowing the
/// norms, apply() to every block. Sharded, each rank does its own ranges, and the norms and the
/// updated weights go around (see sharded_parameters.h). On a device all tensors go at once
/// (device_update.h). Owns the moments; the weights belong to the model.
class LayerwiseOptimizer : public Optimizer {
 public:
  GradientNorm measure_norm(const ReducedGradients& gradients) final;
  void step(const ReducedGradients& gradients, double clip_scale, double learning_rate) final;
  void reset_moments() override;
  std::vector<OptimizerMoments>& moments() override { return moments_; }
  std::int64_t step_count() const override { return step_count_; }
  void set_step_count(std::int64_t count) override { step_count_ = count; }
  const std::vector<ParameterTreatment>& treatments() const override { return treatments_; }
  std::vector<TensorUpdate> last_updates() const final;

 protected:
  LayerwiseOptimizer(const OptimizerConfig& config, const std::vector<NamedParameter>& parameters,
                     bool has_second_moment, ShardedParameters* sharded);

  const OptimizerConfig& config() const { return config_; }

  /// Once per step, before the tensors; step_count() is that of the step.
  virtual void begin_step(double clip_scale, double learning_rate) = 0;
  /// First pass over a block of the tensor.
  virtual SquaredNorms measure(std::size_t index, const UpdateBlock& block) const = 0;
  /// The rate of a tensor, from the norms of all its blocks.
  virtual float rate_of(std::size_t index, double weight_norm, double update_norm) = 0;
  /// Second pass over a block.
  virtual void apply(std::size_t index, const UpdateBlock& block, float rate) const = 0;
  /// The step for a device's kernels, instead of the four above.
  virtual LambStep device_step() const = 0;

  /// The trust ratio of a tensor: min(weight_norm, weight_norm_max) / update_norm clamped to its
  /// range; 1 when a norm is zero or the tensor is not adapted. Kept for last_updates().
  const TensorUpdate& choose_update(std::size_t index, double weight_norm, double update_norm);
  TrustRatioLimits limits() const;

 private:
  void check(const NamedParameter& parameter) const;
  void step_whole(const ReducedGradients& gradients);
  void step_own_ranges(const ReducedGradients& gradients);
  void step_on_device(const ReducedGradients& gradients);
  bool is_on_device() const { return !parameters_.front().master.is_cpu(); }
  DeviceUpdate& device_update(const ReducedGradients& gradients);
  UpdateBlock whole_tensor(std::size_t index, const ReducedGradients& gradients) const;
  UpdateBlock own_range(std::size_t index, const ReducedGradients& gradients) const;
  void apply_to_blocks(std::size_t index, const UpdateBlock& range, const SquaredNorms& squared);

  OptimizerConfig config_;
  std::vector<NamedParameter> parameters_;
  ShardedParameters* sharded_;  // null: every rank updates everything
  std::vector<ParameterTreatment> treatments_;
  std::vector<OptimizerMoments> moments_;
  std::vector<TensorUpdate> updates_;            // of the host's steps
  std::unique_ptr<DeviceUpdate> device_update_;  // from the first gradients on a device on
  std::int64_t step_count_ = 0;
};

}  // namespace lambert
