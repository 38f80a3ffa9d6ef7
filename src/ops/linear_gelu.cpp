// SPDX-License-Identifier: Apache-2.0
#include "ops/linear_gelu.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include "ops/matmul_gradients.h"
#include "ops/parameter_gradient.h"
#include "ops/saved_state.h"
#include "ops/tensor_views.h"

namespace lambert {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct State {
  GeluForm form = GeluForm::erf;
  at::Tensor input;
  LinearWeights weights;
  at::Tensor product;  // x W^T, without bias
};

void run_gelu_backward(const State& state, const at::Tensor& above,
                       const at::Tensor& product_gradient) {
  RECORD_USER_SCOPE("lambert::bias and GELU");
  const at::Tensor bias_gradient = parameter_gradient(state.weights.bias.master);
  with_element_type(above, [&](auto element) {
    using T = decltype(element);
    bias_gelu_backward(state.form, data_of<T>(above), data_of<T>(state.product),
                       floats_of(state.weights.bias.master), above.size(0), above.size(1),
                       mutable_data_of<T>(product_gradient), mutable_floats_of(bias_gradient));
  });
}

struct LinearGelu : torch::autograd::Function<LinearGelu> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& /*weight*/, const at::Tensor& bias,
                            const LinearWeights& weights, GeluForm form) {
    const at::Tensor product = linear_product(input.contiguous(), weights.weight, {});
    const at::Tensor output = at::empty_like(product);
    RECORD_USER_SCOPE("lambert::bias and GELU");
    with_element_type(product, [&](auto element) {
      using T = decltype(element);
      bias_gelu_forward(form, data_of<T>(product), floats_of(bias), product.size(0),
                        product.size(1), mutable_data_of<T>(output));
    });
    save_state(context, State{form, input.contiguous(), weights, product});
    return output;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const State state = take_state<State>(context);
    const at::Tensor above = gradients[0].contiguous();
    const at::Tensor product_gradient = at::empty_like(state.product);
    run_gelu_backward(state, above, product_gradient);
    add_weight_gradient(product_gradient, state.input, state.weights.weight);
    return {linear_input_gradient(product_gradient, state.weights.weight), at::Tensor(),
            at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor linear_gelu(const at::Tensor& input, const LinearWeights& weights, GeluForm form) {
  return LinearGelu::apply(input, weights.weight.master, weights.bias.master, weights, form);
}

}  // namespace lambert
