// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <ATen/core/Tensor.h>

namespace lambert {

/// Whether the memory of a weight matrix's gradient holds what is left of the step before. The
/// first product of a step then replaces it: nothing writes zeros and reads them again. On the host
/// only, as recorded work cannot ask.
struct GradientMemory {
  bool is_stale = false;
};

/// Where a fused backward pass adds the gradient of a trained tensor: master.grad, which is made of
/// zeros when there is none. The backward pass then returns no gradient for it: the memory of
/// GradientBuckets is written once instead of being added to from a temporary tensor. fp32, shape
/// of master.
at::Tensor parameter_gradient(const at::Tensor& master);

/// Writes zeros over a gradient that is stale. memory: may be nullptr, of a tensor that has none.
void clear_if_stale(const at::Tensor& gradient, const std::shared_ptr<GradientMemory>& memory);

}  // namespace lambert
