// SPDX-License-Identifier: Apache-2.0
// The three products of a linear map y = x W^T + b, for the fused functions.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "ops/weight.h"

namespace lambert {

/// x W^T (+ bias). input: (T, in); weight: (out, in), same type; bias: (out) fp32 or undefined.
at::Tensor linear_product(const at::Tensor& input, const Weight& weight, const at::Tensor& bias);

/// dy W: (T, in). above: (T, out).
at::Tensor linear_input_gradient(const at::Tensor& above, const Weight& weight);

/// weight's gradient += dy^T x. above: (T, out), its columns side by side; input: (T, in), same
/// type; weight: (out, in).
void add_weight_gradient(const at::Tensor& above, const at::Tensor& input, const Weight& weight);

/// bias's gradient += column sums of dy. bias: (out).
void add_bias_gradient(const at::Tensor& above, const Weight& bias);

/// The same of joined maps: each bias takes as many of the columns as it has numbers.
void add_bias_gradients(const at::Tensor& above, const std::vector<Weight>& biases);

}  // namespace lambert
