// SPDX-License-Identifier: Apache-2.0
// The three products of a linear map y = x W^T + b, for the fused functions.
#pragma once

#include <ATen/core/Tensor.h>

namespace lambert {

/// x W^T (+ bias). input: (T, in); weight: (out, in), same type; bias: (out) fp32 or undefined.
at::Tensor linear_product(const at::Tensor& input, const at::Tensor& weight,
                          const at::Tensor& bias);

/// dy W: (T, in). above: (T, out).
at::Tensor linear_input_gradient(const at::Tensor& above, const at::Tensor& weight);

/// dy^T x: (out, in), fp32 whatever the type of the factors.
at::Tensor linear_weight_gradient(const at::Tensor& above, const at::Tensor& input);

/// Column sums of dy: (out), fp32.
at::Tensor linear_bias_gradient(const at::Tensor& above);

}  // namespace lambert
