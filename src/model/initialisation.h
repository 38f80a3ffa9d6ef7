// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "config/run_config.h"
#include "model/parameter_names.h"

namespace lambert {

/// A new fp32 tensor with its starting values: weights and embeddings from a plain (not truncated)
/// normal N(0, initializer_range), as Hugging Face and NVIDIA do; biases 0; LayerNorm gain 1. The
/// numbers depend on (seed, parameter_index) only, so every rank of every run makes the same ones.
at::Tensor make_initial_parameter(const ParameterShape& parameter, std::uint32_t parameter_index,
                                  const ModelConfig& config, std::uint64_t seed);

}  // namespace lambert
