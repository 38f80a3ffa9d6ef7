// SPDX-License-Identifier: Apache-2.0
#include "optim/lamb.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include "base/error.h"
#include "optim/lamb_update.h"
#include "optim/parameter_treatment.h"

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
  coefficients.weight_decay = decayed ? static_cast<float>(config.weight_decay) : 0.0F;
  return coefficients;
}

/// The arrays of one tensor. Weights are written through plain pointers: autograd is not involved.
UpdateBlock whole_tensor(const NamedParameter& parameter, const at::Tensor& gradient,
                         const OptimizerMoments& moments) {
  const bool has_copy = parameter.compute.const_data_ptr() != parameter.master.const_data_ptr();
  return {static_cast<float*>(parameter.master.data_ptr()),
          gradient.const_data_ptr<float>(),
          moments.first.data_ptr<float>(),
          moments.second.data_ptr<float>(),
          has_copy ? static_cast<std::uint16_t*>(parameter.compute.data_ptr()) : nullptr,
          static_cast<std::size_t>(parameter.master.numel())};
}

UpdateBlock part_of(const UpdateBlock& tensor, std::size_t block) {
  const std::size_t begin = block * kUpdateBlock;
  return {tensor.weight + begin,
          tensor.gradient + begin,
          tensor.first + begin,
          tensor.second + begin,
          tensor.rounded_weight == nullptr ? nullptr : tensor.rounded_weight + begin,
          std::min(kUpdateBlock, tensor.count - begin)};
}

/// Calls work(block) for each block of the tensor, on all threads.
void for_each_block(const UpdateBlock& tensor, const std::function<void(std::size_t)>& work) {
  const std::size_t block_count = (tensor.count + kUpdateBlock - 1) / kUpdateBlock;
  at::parallel_for(0, static_cast<std::int64_t>(block_count), 4,
                   [&](std::int64_t first, std::int64_t last) {
                     for (std::int64_t block = first; block < last; ++block) {
                       work(static_cast<std::size_t>(block));
                     }
                   });
}

/// Block sums are added in block order: the same bits for any thread count.
SquaredNorms update_moments_of_tensor(const UpdateBlock& tensor,
                                      const UpdateCoefficients& coefficients) {
  std::vector<SquaredNorms> sums((tensor.count + kUpdateBlock - 1) / kUpdateBlock);
  for_each_block(tensor, [&](std::size_t block) {
    sums[block] = update_moments(part_of(tensor, block), coefficients);
  });
  SquaredNorms total;
  for (const SquaredNorms& sum : sums) {
    total.weight += sum.weight;
    total.update += sum.update;
  }
  return total;
}

}  // namespace

Lamb::Lamb(const OptimizerConfig& config, const std::vector<NamedParameter>& parameters)
    : config_(config),
      parameters_(parameters),
      treatments_(choose_treatments(config, parameters)),
      trust_ratios_(parameters.size(), 1.0) {
  for (const NamedParameter& parameter : parameters_) {
    LAMBERT_CHECK(parameter.master.scalar_type() == at::kFloat && parameter.master.is_contiguous(),
                  "master weight " + parameter.name + " is not contiguous fp32");
    const bool has_copy = parameter.compute.const_data_ptr() != parameter.master.const_data_ptr();
    LAMBERT_CHECK(
        !has_copy ||
            (parameter.compute.scalar_type() == at::kBFloat16 && parameter.compute.is_contiguous()),
        "compute weight " + parameter.name + " is neither the master nor contiguous bf16");
    moments_.push_back({parameter.name, at::zeros(parameter.master.sizes(), at::kFloat),
                        at::zeros(parameter.master.sizes(), at::kFloat)});
  }
}

double Lamb::trust_ratio(double weight_norm, double update_norm) const {
  if (weight_norm == 0.0 || update_norm == 0.0) {
    return 1.0;
  }
  const double ratio = std::min(weight_norm, config_.weight_norm_max) / update_norm;
  return std::clamp(ratio, config_.trust_ratio_min, config_.trust_ratio_max);
}

void Lamb::step(const ReducedGradients& gradients, double clip_scale, double learning_rate) {
  const GradientBuckets& buckets = gradients.buckets();
  LAMBERT_CHECK(buckets.parameters().size() == parameters_.size(), "other parameters than before");
  ++step_count_;
  const BiasCorrection correction = bias_correction_at(config_, step_count_);
  for (std::size_t index = 0; index < parameters_.size(); ++index) {
    const UpdateCoefficients coefficients =
        coefficients_of(config_, correction, clip_scale, treatments_[index].decayed);
    const UpdateBlock tensor =
        whole_tensor(parameters_[index], buckets.gradient(index), moments_[index]);
    const SquaredNorms squared = update_moments_of_tensor(tensor, coefficients);
    trust_ratios_[index] = treatments_[index].adapted
                               ? trust_ratio(std::sqrt(squared.weight), std::sqrt(squared.update))
                               : 1.0;
    const auto rate = static_cast<float>(learning_rate * correction.rate * trust_ratios_[index]);
    for_each_block(tensor, [&](std::size_t block) {
      apply_update(part_of(tensor, block), coefficients, rate);
    });
  }
}

void Lamb::reset_moments() {
  step_count_ = 0;
  for (OptimizerMoments& moments : moments_) {
    moments.first.zero_();
    moments.second.zero_();
  }
}

}  // namespace lambert
