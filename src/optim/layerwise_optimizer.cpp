// SPDX-License-Identifier: Apache-2.0
#include "optim/layerwise_optimizer.h"

#include <algorithm>

#include <ATen/Functions.h>

#include "base/error.h"
#include "optim/parameter_treatment.h"

namespace lambert {

LayerwiseOptimizer::LayerwiseOptimizer(const OptimizerConfig& config,
                                       const std::vector<NamedParameter>& parameters,
                                       bool has_second_moment)
    : config_(config),
      parameters_(parameters),
      treatments_(choose_treatments(config, parameters)),
      updates_(parameters.size()) {
  for (const NamedParameter& parameter : parameters_) {
    LAMBERT_CHECK(parameter.master.scalar_type() == at::kFloat && parameter.master.is_contiguous(),
                  "master weight " + parameter.name + " is not contiguous fp32");
    const bool has_copy = parameter.compute.const_data_ptr() != parameter.master.const_data_ptr();
    LAMBERT_CHECK(
        !has_copy ||
            (parameter.compute.scalar_type() == at::kBFloat16 && parameter.compute.is_contiguous()),
        "compute weight " + parameter.name + " is neither the master nor contiguous bf16");
    const at::IntArrayRef shape = parameter.master.sizes();
    moments_.push_back({parameter.name, at::zeros(shape, at::kFloat),
                        has_second_moment ? at::zeros(shape, at::kFloat) : at::Tensor()});
  }
}

void LayerwiseOptimizer::reset_moments() {
  step_count_ = 0;
  for (OptimizerMoments& moments : moments_) {
    moments.first.zero_();
    if (moments.second.defined()) {
      moments.second.zero_();
    }
  }
}

void LayerwiseOptimizer::begin_step(const ReducedGradients& gradients) {
  LAMBERT_CHECK(gradients.buckets().parameters().size() == parameters_.size(),
                "other parameters than before");
  ++step_count_;
  for (const NamedParameter& parameter : parameters_) {
    // The kernels write through pointers; copies of the weights are known to be old by the version.
    parameter.compute.unsafeGetTensorImpl()->bump_version();
  }
}

double LayerwiseOptimizer::trust_ratio(std::size_t index, double weight_norm, double update_norm) {
  TensorUpdate& update = updates_[index];
  update = {weight_norm, update_norm};
  if (!treatments_[index].adapted || weight_norm == 0.0 || update_norm == 0.0) {
    return 1.0;
  }
  update.is_adapted = true;
  const double ratio = std::min(weight_norm, config_.weight_norm_max) / update_norm;
  update.trust_ratio = std::clamp(ratio, config_.trust_ratio_min, config_.trust_ratio_max);
  update.is_clamped = update.trust_ratio != ratio || weight_norm > config_.weight_norm_max;
  return update.trust_ratio;
}

}  // namespace lambert
