// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include "config/run_config.h"
#include "model/parameter_names.h"
#include "ops/parameter_gradient.h"

namespace lambert {

/// Of compute weights and activations.
at::ScalarType compute_type(Precision precision);

/// A trained tensor. master is the autograd leaf (fp32): gradients arrive in master.grad in fp32,
/// whatever the compute type. compute is what the forward pass reads: master itself in fp32 and for
/// biases and LayerNorms, a copy of that type for matrices in bf16 and fp16; the optimizer
/// refreshes it after each update.
struct ModelParameter {
  std::string name;                          // Hugging Face's tensor name
  at::Tensor master;                         // fp32, requires_grad
  at::Tensor compute;                        // same shape, fp32, bf16 or fp16
  std::shared_ptr<GradientMemory> gradient;  // of a matrix on the host
};

/// One parameter for each shape, with its starting values (see initialisation.h), in the device's
/// memory.
std::vector<ModelParameter> make_parameters(const std::vector<ParameterShape>& shapes,
                                            const ModelConfig& config, Precision precision,
                                            std::uint64_t seed, const at::Device& device);

/// compute = master, after weights were loaded.
void refresh_compute_weights(const std::vector<ModelParameter>& parameters);

}  // namespace lambert
