// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/bias_gelu.h"
#include "ops/weight.h"

namespace lambert {

/// gelu(x W^T + b): (T, out). input: (T, in) in the compute type. Keeps the pre-activation.
at::Tensor linear_gelu(const at::Tensor& input, const LinearWeights& weights, GeluForm form);

}  // namespace lambert
