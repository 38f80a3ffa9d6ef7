// SPDX-License-Identifier: Apache-2.0
#include "ops/self_attention.h"

#include <ATen/Functions.h>
#include <ATen/record_function.h>

#include "kernels/attention.h"
#include "ops/differentiable.h"
#include "ops/matmul_gradients.h"
#include "ops/run_kernel.h"
#include "ops/tensor_views.h"

namespace lambert {

namespace {

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

struct ProjectionGradients {
  at::Tensor query;  // (T, H), as are all
  at::Tensor key;
  at::Tensor value;
};

at::Tensor run_forward(const State& state) {
  RECORD_USER_SCOPE("lambert::attention");
  const at::Tensor output = at::empty_like(state.query);
  with_element_type(output, [&](auto element) {
    using T = decltype(element);
    run_kernel(output, [&](const auto&... stream) {
      attention_forward(stream..., state.kernel_shape(), state.dropout.mask,
                        data_of<T>(state.query), data_of<T>(state.key), data_of<T>(state.value),
                        mutable_data_of<T>(output), mutable_floats_of(state.log_sums));
    });
  });
  return output;
}

/// output: the forward pass's, which only a device's kernel wants.
ProjectionGradients run_backward(const State& state, const at::Tensor& output,
                                 const at::Tensor& above) {
  RECORD_USER_SCOPE("lambert::attention");
  const ProjectionGradients gradients{at::empty_like(state.query), at::empty_like(state.key),
                                      at::empty_like(state.value)};
  const auto scratch = [&] { return attention_backward_scratch_bytes(state.kernel_shape()); };
  with_element_type(above, [&](auto element) {
    using T = decltype(element);
    const auto run = [&](const auto&... arguments) {
      attention_backward(arguments..., floats_of(state.log_sums), data_of<T>(above),
                         mutable_data_of<T>(gradients.query), mutable_data_of<T>(gradients.key),
                         mutable_data_of<T>(gradients.value));
    };
    run_kernel(above, scratch, [&](const auto&... stream) {
      if constexpr (sizeof...(stream) == 0) {
        run(state.kernel_shape(), state.dropout.mask, data_of<T>(state.query),
            data_of<T>(state.key), data_of<T>(state.value));
      } else {
        run(stream..., state.kernel_shape(), state.dropout.mask, data_of<T>(state.query),
            data_of<T>(state.key), data_of<T>(state.value), data_of<T>(output));
      }
    });
  });
  return gradients;
}

/// The sum of three products, accumulated in place by the matmul.
at::Tensor sum_of_input_gradients(const State& state, const ProjectionGradients& gradients) {
  const at::Tensor sum = linear_input_gradient(gradients.query, state.weights.query.weight);
  add_linear_input_gradient(gradients.key, state.weights.key.weight, sum);
  add_linear_input_gradient(gradients.value, state.weights.value.weight, sum);
  return sum;
}

void add_gradients(const at::Tensor& above, const at::Tensor& input, const LinearWeights& weights) {
  add_weight_gradient(above, input, weights.weight);
  add_bias_gradient(above, weights.bias);
}

}  // namespace

at::Tensor self_attention(const at::Tensor& input, const SelfAttentionWeights& weights,
                          const TokenRows& tokens, std::int64_t heads, const Dropout& dropout) {
  State state;
  state.tokens = tokens;
  state.heads = heads;
  state.dropout = dropout;
  state.input = input.detach().contiguous();
  state.weights = weights;
  state.query = linear_product(state.input, weights.query.weight, weights.query.bias.master);
  state.key = linear_product(state.input, weights.key.weight, weights.key.bias.master);
  state.value = linear_product(state.input, weights.value.weight, weights.value.bias.master);
  state.log_sums = at::empty({input.size(0), heads}, state.query.options().dtype(at::kFloat));
  const at::Tensor output = run_forward(state);
  // The same memory without a place in the graph; the host's kernel does without.
  const at::Tensor kept_output = output.is_cpu() ? at::Tensor() : output.detach();
  const auto backward = [state, kept_output](const at::Tensor& above) -> std::vector<at::Tensor> {
    const ProjectionGradients gradients = run_backward(state, kept_output, above);
    const at::Tensor below = sum_of_input_gradients(state, gradients);
    add_gradients(gradients.query, state.input, state.weights.query);
    add_gradients(gradients.key, state.input, state.weights.key);
    add_gradients(gradients.value, state.input, state.weights.value);
    return {below, {}, {}, {}, {}, {}, {}};
  };
  return differentiable(
      output,
      {input, weights.query.weight.master, weights.query.bias.master, weights.key.weight.master,
       weights.key.bias.master, weights.value.weight.master, weights.value.bias.master},
      backward);
}

}  // namespace lambert
