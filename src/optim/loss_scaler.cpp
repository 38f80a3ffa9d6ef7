// SPDX-License-Identifier: Apache-2.0
#include "optim/loss_scaler.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "config/run_config_fields.h"
#include "config/value_text.h"

namespace lambert {

LossScaler::LossScaler(Precision precision, const LossScaleConfig& config)
    : config_(config),
      is_active_(precision == Precision::fp16),
      scale_(is_active_ ? config.init_scale : 1.0) {}

void LossScaler::restore(double scale, std::int64_t finite_steps) {
  if (is_active_) {
    scale_ = scale;
    finite_steps_ = finite_steps;
  }
}

GradientNorm LossScaler::unscaled(GradientNorm norm) const {
  norm.value /= scale_;
  return norm;
}

double LossScaler::gradient_scale(const GradientNorm& norm, double max_norm) const {
  return norm.clip_scale(max_norm) / scale_;
}

void LossScaler::count_finite_step() {
  overflows_in_a_row_ = 0;
  if (!is_active_ || ++finite_steps_ < config_.growth_interval) {
    return;
  }
  finite_steps_ = 0;
  scale_ = std::min(scale_ * config_.growth_factor, kMaxLossScale);
  log_debug("loss scale raised to " + value_text(scale_));
}

void LossScaler::shrink_or_throw(const std::string& where) {
  LAMBERT_CHECK(is_active_, "loss scaling is for fp16");
  ++overflows_in_a_row_;
  const std::string found = where + " is not finite ";
  const std::string advice =
      "; lower learning_rate or lengthen warmup_steps and resume from the last checkpoint, or "
      "train with precision: bf16";
  if (scale_ <= config_.min_loss_scale) {
    throw DivergenceError("training, " + found + "at the smallest loss scale, min_loss_scale " +
                          value_text(config_.min_loss_scale) + advice);
  }
  if (overflows_in_a_row_ > config_.max_overflow_retries) {
    throw DivergenceError("training, " + found + "after max_overflow_retries " +
                          value_text(config_.max_overflow_retries) + ", loss scale " +
                          value_text(scale_) + advice);
  }
  finite_steps_ = 0;
  scale_ = std::max(scale_ * config_.backoff_factor, config_.min_loss_scale);
  log_info(found + "in fp16; computed again with loss scale " + value_text(scale_));
}

}  // namespace lambert
