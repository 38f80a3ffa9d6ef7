// SPDX-License-Identifier: Apache-2.0
#include "model/model_parameter.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "model/initialisation.h"

namespace lambert {

at::ScalarType compute_type(Precision precision) {
  switch (precision) {
    case Precision::bf16:
      return at::kBFloat16;
    case Precision::fp16:
      return at::kHalf;
    default:
      return at::kFloat;
  }
}

std::vector<ModelParameter> make_parameters(const std::vector<ParameterShape>& shapes,
                                            const ModelConfig& config, Precision precision,
                                            std::uint64_t seed, const at::Device& device) {
  std::vector<ModelParameter> parameters;
  for (const ParameterShape& shape : shapes) {
    const auto index = static_cast<std::uint32_t>(parameters.size());
    const at::Tensor master = make_initial_parameter(shape, index, config, seed).to(device);
    const bool is_matrix = shape.shape.size() > 1;  // biases and LayerNorms are read in fp32
    const at::Tensor compute = is_matrix ? master.to(compute_type(precision)) : master;
    master.requires_grad_(true);
    parameters.push_back({shape.name, master, compute});
  }
  return parameters;
}

void refresh_compute_weights(const std::vector<ModelParameter>& parameters) {
  const at::NoGradGuard no_gradients;
  for (const ModelParameter& parameter : parameters) {
    if (!parameter.compute.is_same(parameter.master)) {
      parameter.compute.copy_(parameter.master);
    }
  }
}

}  // namespace lambert
