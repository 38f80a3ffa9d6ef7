// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include "config/run_config.h"
#include "kernels/matmul.h"
#include "ops/attention.h"

namespace lambert {

/// How a model computes where there is a choice.
struct KernelChoice {
  AttentionKernel attention = AttentionKernel::tiled;
  Float32Products float32_products = Float32Products::ieee;  // on a device
};

/// The config keys that decide it.
struct KernelRequest {
  Precision precision = Precision::fp32;
  AttentionKernelName attention_kernel = AttentionKernelName::automatic;
  Float32MatmulPrecision float32_matmul_precision = Float32MatmulPrecision::highest;
};

/// Of a RunConfig or a SquadConfig.
template <typename Config>
KernelRequest kernel_request(const Config& config) {
  return {config.precision, config.attention_kernel, config.float32_matmul_precision};
}

/// Throws ConfigError when flash is asked for where it cannot be.
KernelChoice choose_kernels(const KernelRequest& request, const ModelConfig& model,
                            const at::Device& device);

/// For a log: "attention_kernel=tiled float32_products=ieee".
std::string describe(const KernelChoice& choice);

}  // namespace lambert
