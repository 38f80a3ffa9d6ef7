// SPDX-License-Identifier: Apache-2.0
#include "optim/lars.h"

#include "base/error.h"

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

Lars::Lars(const OptimizerConfig& config, const std::vector<NamedParameter>& parameters,
           ShardedParameters* sharded)
    : LayerwiseOptimizer(config, parameters, false, sharded) {
  if (!parameters.front().master.is_cpu()) {
    throw ConfigError(
        "making the optimizer: lars has no kernels for CUDA; set optimizer.name: lamb or adamw, or "
        "device: cpu");
  }
}

LambStep Lars::device_step() const {
  throw InternalError("LARS on a device");
}

void Lars::begin_step(double clip_scale, double learning_rate) {
  decayed_ = coefficients_of(config(), clip_scale, true);
  not_decayed_ = coefficients_of(config(), clip_scale, false);
  rate_ = learning_rate;
}

SquaredNorms Lars::measure(std::size_t index, const UpdateBlock& block) const {
  return by_momentum() ? update_momentum(block, coefficients(index))
                       : measure_gradient(block, coefficients(index));
}

float Lars::rate_of(std::size_t index, double weight_norm, double update_norm) {
  if (!by_momentum() && update_norm > 0.0 && treatments()[index].decayed) {
    update_norm += config().weight_decay * weight_norm;
  }
  const TensorUpdate& update = choose_update(index, weight_norm, update_norm);
  return static_cast<float>(rate_ * update.trust_ratio *
                            (update.is_adapted ? config().lars_coefficient : 1.0));
}

void Lars::apply(std::size_t index, const UpdateBlock& block, float rate) const {
  if (by_momentum()) {
    apply_momentum(block, rate);
  } else {
    apply_scaled_gradient(block, coefficients(index), rate);
  }
}

}  // namespace lambert
