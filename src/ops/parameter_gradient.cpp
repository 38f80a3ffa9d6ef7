// SPDX-License-Identifier: Apache-2.0
#include "ops/parameter_gradient.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros_like.h>

namespace lambert {

at::Tensor parameter_gradient(const at::Tensor& master) {
  if (!master.grad().defined()) {
    master.mutable_grad() = at::zeros_like(master, at::TensorOptions().requires_grad(false));
  }
  return master.grad();
}

void clear_if_stale(const at::Tensor& gradient, const std::shared_ptr<GradientMemory>& memory) {
  if (memory != nullptr && memory->is_stale) {
    gradient.zero_();
    memory->is_stale = false;
  }
}

}  // namespace lambert
