// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ops/weight.h"

namespace lambert {

/// x W^T + b: (T, out). input: (T, in) in the compute type.
at::Tensor linear(const at::Tensor& input, const LinearWeights& weights);

}  // namespace lambert
