// SPDX-License-Identifier: Apache-2.0
#include "ops/linear.h"

#include <ATen/ATen.h>

#include "ops/matmul_gradients.h"
#include "ops/saved_state.h"

namespace lambert {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct State {
  at::Tensor input;
  at::Tensor weight;
};

struct LinearFunction : torch::autograd::Function<LinearFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& /*weight*/, const at::Tensor& bias,
                            const LinearWeights& weights) {
    const State state{input.contiguous(), weights.weight.compute};
    save_state(context, state);
    return linear_product(state.input, state.weight, bias);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto& state = saved_state<State>(context);
    const at::Tensor above = gradients[0].contiguous();
    return {linear_input_gradient(above, state.weight), linear_weight_gradient(above, state.input),
            linear_bias_gradient(above), at::Tensor()};
  }
};

}  // namespace

at::Tensor linear(const at::Tensor& input, const LinearWeights& weights) {
  return LinearFunction::apply(input, weights.weight.master, weights.bias.master, weights);
}

}  // namespace lambert
