// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ops/dropout.h"
#include "ops/weight.h"

namespace lambert {

/// LayerNorm(dropout(x W^T + b) + residual): (B * S, out), the end of both halves of an encoder
/// layer. input: (B * S, in); residual: (B * S, out); both in the compute type.
at::Tensor linear_residual_norm(const at::Tensor& input, const LinearWeights& weights,
                                const at::Tensor& residual, const NormLayer& norm,
                                const Dropout& dropout, std::int64_t sequence_length);

/// LayerNorm(x): (T, H).
at::Tensor layer_norm(const at::Tensor& input, const NormLayer& norm);

}  // namespace lambert
