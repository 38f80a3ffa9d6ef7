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
  LinearWeights weights;
};

struct LinearFunction : torch::autograd::Function<LinearFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& /*weight*/, const at::Tensor& bias,
                            const LinearWeights& weights) {
    const State state{input.contiguous(), weights};
    save_state(context, state);
    return linear_product(state.input, weights.weight, bias);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const State state = take_state<State>(context);
    const at::Tensor above = gradients[0].contiguous();
    add_weight_gradient(above, state.input, state.weights.weight);
    add_bias_gradient(above, state.weights.bias);
    return {linear_input_gradient(above, state.weights.weight), at::Tensor(), at::Tensor(),
            at::Tensor()};
  }
};

}  // namespace

at::Tensor linear(const at::Tensor& input, const LinearWeights& weights) {
  return LinearFunction::apply(input, weights.weight.master, weights.bias.master, weights);
}

}  // namespace lambert
