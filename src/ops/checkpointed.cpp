// SPDX-License-Identifier: Apache-2.0
#include "ops/checkpointed.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "ops/differentiable.h"

namespace lambert {

namespace {

at::Tensor without_gradients(const at::Tensor& input,
                             const std::function<at::Tensor(const at::Tensor&)>& block) {
  const at::NoGradGuard no_gradients;
  return block(input);
}

}  // namespace

at::Tensor checkpointed(const at::Tensor& input,
                        const std::function<at::Tensor(const at::Tensor&)>& block) {
  const auto backward = [kept = input.detach(),
                         block](const at::Tensor& above) -> std::vector<at::Tensor> {
    const at::AutoGradMode with_gradients(true);
    const at::Tensor again = kept.detach().requires_grad_(true);
    block(again).backward(above);
    return {again.grad()};
  };
  return differentiable(without_gradients(input, block), {input}, backward);
}

}  // namespace lambert
