// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ops/dropout.h"
#include "ops/token_rows.h"
#include "ops/weight.h"

namespace lambert {

/// LayerNorm(dropout(x W^T + b) + residual): (T, out), the end of both halves of an encoder
/// layer. input: (T, in); residual: (T, out); both in the compute type.
at::Tensor linear_residual_norm(const at::Tensor& input, const LinearWeights& weights,
                                const at::Tensor& residual, const NormLayer& norm,
                                const TokenRows& tokens, const Dropout& dropout);

/// LayerNorm(x): (T, H).
at::Tensor layer_norm(const at::Tensor& input, const NormLayer& norm);

}  // namespace lambert
