// SPDX-License-Identifier: Apache-2.0
#include "optim/lamb.h"

#include <cmath>

namespace lambert {
namespace {

/// What bias correction does to a step: to the moments, or (DeepSpeed) to the step size after the
/// trust ratio.
struct BiasCorrection {
  double first = 1.0;
  double second = 1.0;
  double rate = 1.0;
};

BiasCorrection bias_correction_at(const OptimizerConfig& config, std::int64_t step) {
  if (!config.bias_correction) {
    return {};
  }
  const double first = 1.0 - std::pow(config.adam_beta1, static_cast<double>(step));
  const double second = 1.0 - std::pow(config.adam_beta2, static_cast<double>(step));
  if (config.bias_correction_placement == BiasCorrectionPlacement::step_size) {
    return {1.0, 1.0, std::sqrt(second) / first};
  }
  return {1.0 / first, 1.0 / second, 1.0};
}

UpdateCoefficients coefficients_of(const OptimizerConfig& config, const BiasCorrection& correction,
                                   double clip_scale, bool decayed) {
  UpdateCoefficients coefficients;
  coefficients.gradient_scale = static_cast<float>(clip_scale);
  coefficients.first_decay = static_cast<float>(config.adam_beta1);
  coefficients.first_increment =
      config.grad_averaging ? static_cast<float>(1.0 - config.adam_beta1) : 1.0F;
  coefficients.averages_gradient = config.grad_averaging;
  coefficients.second_increment = static_cast<float>(1.0 - config.adam_beta2);
  coefficients.first_debias = static_cast<float>(correction.first);
  coefficients.second_debias = static_cast<float>(correction.second);
  coefficients.epsilon = static_cast<float>(config.adam_epsilon);
  coefficients.epsilon_inside_sqrt = config.epsilon_inside_sqrt;
  const float decay = decayed ? static_cast<float>(config.weight_decay) : 0.0F;
  const bool in_update = config.weight_decay_placement == WeightDecayPlacement::update;
  coefficients.weight_decay = in_update ? decay : 0.0F;
  coefficients.gradient_decay = in_update ? 0.0F : decay;
  return coefficients;
}

}  // namespace

void Lamb::begin_step(double clip_scale, double learning_rate) {
  const BiasCorrection correction = bias_correction_at(config(), step_count());
  decayed_ = coefficients_of(config(), correction, clip_scale, true);
  not_decayed_ = coefficients_of(config(), correction, clip_scale, false);
  rate_ = learning_rate * correction.rate;
}

SquaredNorms Lamb::measure(std::size_t index, const UpdateBlock& block) const {
  return update_moments(block, coefficients(index));
}

float Lamb::rate_of(std::size_t index, double weight_norm, double update_norm) {
  return static_cast<float>(rate_ * choose_update(index, weight_norm, update_norm).trust_ratio);
}

LambStep Lamb::device_step() const {
  return {decayed_, not_decayed_, limits(), rate_};
}

void Lamb::apply(std::size_t index, const UpdateBlock& block, float rate) const {
  apply_update(block, coefficients(index), rate);
}

}  // namespace lambert
