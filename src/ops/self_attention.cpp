// SPDX-License-Identifier: Apache-2.0
#include "ops/self_attention.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include "kernels/attention.h"
#include "ops/matmul_gradients.h"
#include "ops/saved_state.h"
#include "ops/tensor_views.h"

namespace lambert {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct State {
  TokenRows tokens;
  std::int64_t heads = 0;
  Dropout dropout;
  at::Tensor input;  // (T, H), as are the next three
  at::Tensor query;
  at::Tensor key;
  at::Tensor value;
  at::Tensor log_sums;  // (T, heads) fp32
  SelfAttentionWeights weights;

  AttentionShape kernel_shape() const { return {tokens.layout(), heads, input.size(1) / heads}; }
};

/// The sum of three products, accumulated in place by the matmul.
at::Tensor sum_of_input_gradients(const State& state, const at::Tensor& query_gradient,
                                  const at::Tensor& key_gradient,
                                  const at::Tensor& value_gradient) {
  const at::Tensor sum = linear_input_gradient(query_gradient, state.weights.query.weight);
  add_linear_input_gradient(key_gradient, state.weights.key.weight, sum);
  add_linear_input_gradient(value_gradient, state.weights.value.weight, sum);
  return sum;
}

void add_gradients(const at::Tensor& above, const at::Tensor& input, const LinearWeights& weights) {
  add_weight_gradient(above, input, weights.weight);
  add_bias_gradient(above, weights.bias);
}

void run_attention_backward(const State& state, const at::Tensor& above,
                            const at::Tensor& query_gradient, const at::Tensor& key_gradient,
                            const at::Tensor& value_gradient) {
  RECORD_USER_SCOPE("lambert::attention");
  with_element_type(above, [&](auto element) {
    using T = decltype(element);
    attention_backward(state.kernel_shape(), state.dropout.mask, data_of<T>(state.query),
                       data_of<T>(state.key), data_of<T>(state.value), floats_of(state.log_sums),
                       data_of<T>(above), mutable_data_of<T>(query_gradient),
                       mutable_data_of<T>(key_gradient), mutable_data_of<T>(value_gradient));
  });
}

struct SelfAttention : torch::autograd::Function<SelfAttention> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& /*query_weight*/, const at::Tensor& query_bias,
                            const at::Tensor& /*key_weight*/, const at::Tensor& key_bias,
                            const at::Tensor& /*value_weight*/, const at::Tensor& value_bias,
                            const SelfAttentionWeights& weights, const TokenRows& tokens,
                            std::int64_t heads, const Dropout& dropout) {
    State state;
    state.tokens = tokens;
    state.heads = heads;
    state.dropout = dropout;
    state.input = input.contiguous();
    state.weights = weights;
    state.query = linear_product(state.input, weights.query.weight, query_bias);
    state.key = linear_product(state.input, weights.key.weight, key_bias);
    state.value = linear_product(state.input, weights.value.weight, value_bias);
    state.log_sums = at::empty({input.size(0), heads}, input.options().dtype(at::kFloat));
    const at::Tensor output = at::empty_like(state.query);
    RECORD_USER_SCOPE("lambert::attention");
    with_element_type(output, [&](auto element) {
      using T = decltype(element);
      attention_forward(state.kernel_shape(), dropout.mask, data_of<T>(state.query),
                        data_of<T>(state.key), data_of<T>(state.value), mutable_data_of<T>(output),
                        mutable_floats_of(state.log_sums));
    });
    save_state(context, std::move(state));
    return output;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const State state = take_state<State>(context);
    const at::Tensor above = gradients[0].contiguous();
    const at::Tensor query_gradient = at::empty_like(state.query);
    const at::Tensor key_gradient = at::empty_like(state.key);
    const at::Tensor value_gradient = at::empty_like(state.value);
    run_attention_backward(state, above, query_gradient, key_gradient, value_gradient);
    variable_list result(11);
    result[0] = sum_of_input_gradients(state, query_gradient, key_gradient, value_gradient);
    add_gradients(query_gradient, state.input, state.weights.query);
    add_gradients(key_gradient, state.input, state.weights.key);
    add_gradients(value_gradient, state.input, state.weights.value);
    return result;
  }
};

}  // namespace

at::Tensor self_attention(const at::Tensor& input, const SelfAttentionWeights& weights,
                          const TokenRows& tokens, std::int64_t heads, const Dropout& dropout) {
  return SelfAttention::apply(input, weights.query.weight.master, weights.query.bias.master,
                              weights.key.weight.master, weights.key.bias.master,
                              weights.value.weight.master, weights.value.bias.master, weights,
                              tokens, heads, dropout);
}

}  // namespace lambert
