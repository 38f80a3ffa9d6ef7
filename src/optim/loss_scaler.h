// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "config/run_config.h"
#include "optim/gradient_norm.h"

namespace lambert {

/// Dynamic loss scaling (Micikevicius et al. 2018, section 3.2): gradients of activations are fp16,
/// whose smallest number is 6e-8, so the loss is multiplied by a scale before the backward pass and
/// gradients are divided by it where they are read: in their norm, and through the optimizer's
/// gradient scale. A gradient that is not finite is taken for an overflow: the same batch again
/// with a smaller scale, so that no step is lost; after many steps without one the scale grows.
///
/// The same on every rank, since it is told of reduced gradients only. With other precisions than
/// fp16 the scale is 1 and stays so.
class LossScaler {
 public:
  LossScaler(Precision precision, const LossScaleConfig& config);

  bool is_active() const { return is_active_; }
  double scale() const { return scale_; }
  /// Since the last overflow or growth.
  std::int64_t finite_steps() const { return finite_steps_; }
  /// Where a checkpoint stopped. Without effect when it is not active.
  void restore(double scale, std::int64_t finite_steps);

  /// norm: of gradients of the scaled loss.
  GradientNorm unscaled(GradientNorm norm) const;
  /// What gradients of the scaled loss are multiplied by in the update. norm: unscaled; max_norm as
  /// in GradientNorm::clip_scale.
  double gradient_scale(const GradientNorm& norm, double max_norm) const;

  /// After an update. Grows when it is time.
  void count_finite_step();
  /// After a gradient that is not finite. where: "step 3 of its phase: the gradient of X". Throws
  /// DivergenceError at min_loss_scale and after max_overflow_retries of one step.
  void shrink_or_throw(const std::string& where);

 private:
  LossScaleConfig config_;
  bool is_active_;
  double scale_ = 1.0;
  std::int64_t finite_steps_ = 0;
  std::int64_t overflows_in_a_row_ = 0;
};

}  // namespace lambert
