// SPDX-License-Identifier: Apache-2.0
#include "ops/checkpointed.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "ops/saved_state.h"

namespace lambert {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct State {
  at::Tensor input;
  std::function<at::Tensor(const at::Tensor&)> block;
};

struct Checkpointed : torch::autograd::Function<Checkpointed> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const State& state) {
    save_state(context, State{input.detach(), state.block});
    return state.block(input);  // apply() has switched gradients off
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const State state = take_state<State>(context);
    const at::AutoGradMode with_gradients(true);
    const at::Tensor input = state.input.detach().requires_grad_(true);
    torch::autograd::backward({state.block(input)}, {gradients[0]});
    return {input.grad(), at::Tensor()};
  }
};

}  // namespace

at::Tensor checkpointed(const at::Tensor& input,
                        const std::function<at::Tensor(const at::Tensor&)>& block) {
  return Checkpointed::apply(input, State{{}, block});
}

}  // namespace lambert
