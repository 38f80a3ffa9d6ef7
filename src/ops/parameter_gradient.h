// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace lambert {

/// Where a fused backward pass adds the gradient of a trained tensor: master.grad, which is made of
/// zeros when there is none. The backward pass then returns no gradient for it: the memory of
/// GradientBuckets is written once instead of being added to from a temporary tensor. fp32, shape
/// of master.
at::Tensor parameter_gradient(const at::Tensor& master);

}  // namespace lambert
