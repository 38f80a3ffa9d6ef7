// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <ATen/core/Tensor.h>

#include "ops/parameter_gradient.h"
#include "ops/weight_products.h"

namespace lambert {

/// A trained tensor as the fused functions take it. Gradients go to master in fp32; matmuls read
/// compute, which autograd does not see. Biases and LayerNorm weights are read from master: fp32
/// costs nothing there.
struct Weight {
  at::Tensor master;                              // fp32 leaf
  at::Tensor compute;                             // same shape, fp32, bf16 or fp16
  std::shared_ptr<WeightProducts> products = {};  // of a matrix; none = all direct
  std::shared_ptr<GradientMemory> gradient = {};  // of a matrix on the host
};

/// A linear map's two tensors.
struct LinearWeights {
  Weight weight;  // (out, in)
  Weight bias;    // (out)
};

/// A LayerNorm's two tensors.
struct NormLayer {
  Weight gain;  // (H)
  Weight bias;  // (H)
  double epsilon = 0.0;
};

}  // namespace lambert
