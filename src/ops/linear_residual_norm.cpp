// SPDX-License-Identifier: Apache-2.0
#include "ops/linear_residual_norm.h"

#include <ATen/ATen.h>

#include "kernels/dropout_residual_norm.h"
#include "ops/matmul_gradients.h"
#include "ops/saved_state.h"
#include "ops/tensor_views.h"

namespace lambert {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// What the second half, dropout + residual + LayerNorm, keeps.
struct NormState {
  HiddenShape shape;
  TokenRows tokens;  // keeps alive what shape points to
  Dropout dropout;
  at::Tensor gain;
  at::Tensor bias;
  float epsilon = 0.0F;
  at::Tensor sum;                // (T, H), the LayerNorm's input
  at::Tensor mean;               // (T)
  at::Tensor inverse_deviation;  // (T)

  NormWeights weights() const { return {floats_of(gain), floats_of(bias), epsilon}; }
};

struct State {
  at::Tensor input;
  at::Tensor weight;
  NormState norm;
};

/// layout: only its row count is read when there is no dropout.
NormState make_norm_state(const at::Tensor& sum, const NormLayer& norm, const TokenLayout& layout) {
  NormState state;
  state.shape = {layout, sum.size(1)};
  state.gain = norm.gain.master.detach();
  state.bias = norm.bias.master.detach();
  state.epsilon = static_cast<float>(norm.epsilon);
  state.sum = sum;
  state.mean = at::empty({sum.size(0)}, sum.options().dtype(at::kFloat));
  state.inverse_deviation = at::empty_like(state.mean);
  return state;
}

/// state.sum goes in as the matmul's result and becomes the LayerNorm's input.
at::Tensor run_forward(const NormState& state, const at::Tensor& input_bias,
                       const at::Tensor& residual) {
  const at::Tensor output = at::empty_like(state.sum);
  with_element_type(output, [&](auto element) {
    using T = decltype(element);
    dropout_residual_norm_forward(state.shape, state.dropout.mask, state.weights(),
                                  input_bias.defined() ? floats_of(input_bias) : nullptr,
                                  residual.defined() ? data_of<T>(residual) : nullptr,
                                  mutable_data_of<T>(state.sum), mutable_data_of<T>(output),
                                  mutable_floats_of(state.mean),
                                  mutable_floats_of(state.inverse_deviation));
  });
  return output;
}

struct NormBackward {
  at::Tensor input;       // (T, H)
  at::Tensor residual;    // (T, H) or undefined
  at::Tensor input_bias;  // (H) or undefined
  at::Tensor gain;        // (H)
  at::Tensor bias;        // (H)
};

NormBackward run_backward(const NormState& state, const at::Tensor& above, bool has_residual) {
  NormBackward result;
  result.input = at::empty_like(state.sum);
  result.gain = at::empty_like(state.gain);
  result.bias = at::empty_like(state.bias);
  if (has_residual) {
    result.residual = at::empty_like(state.sum);
    result.input_bias = at::empty_like(state.bias);
  }
  const NormGradients gradients{mutable_floats_of(result.gain), mutable_floats_of(result.bias),
                                has_residual ? mutable_floats_of(result.input_bias) : nullptr};
  with_element_type(above, [&](auto element) {
    using T = decltype(element);
    dropout_residual_norm_backward(
        state.shape, state.dropout.mask, state.weights(), data_of<T>(above), data_of<T>(state.sum),
        floats_of(state.mean), floats_of(state.inverse_deviation), mutable_data_of<T>(result.input),
        has_residual ? mutable_data_of<T>(result.residual) : nullptr, gradients);
  });
  return result;
}

struct LinearResidualNorm : torch::autograd::Function<LinearResidualNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& /*weight*/, const at::Tensor& input_bias,
                            const at::Tensor& residual, const at::Tensor& /*gain*/,
                            const at::Tensor& /*bias*/, const LinearWeights& weights,
                            const NormLayer& norm, const TokenRows& tokens,
                            const Dropout& dropout) {
    const at::Tensor product = linear_product(input.contiguous(), weights.weight.compute, {});
    State state{input.contiguous(), weights.weight.compute,
                make_norm_state(product, norm, tokens.layout())};
    state.norm.tokens = tokens;
    state.norm.dropout = dropout;
    save_state(context, state);
    return run_forward(state.norm, input_bias, residual.contiguous());
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto& state = saved_state<State>(context);
    const NormBackward norm = run_backward(state.norm, gradients[0].contiguous(), true);
    variable_list result(10);
    result[0] = linear_input_gradient(norm.input, state.weight);
    result[1] = linear_weight_gradient(norm.input, state.input);
    result[2] = norm.input_bias;
    result[3] = norm.residual;
    result[4] = norm.gain;
    result[5] = norm.bias;
    return result;
  }
};

struct LayerNormFunction : torch::autograd::Function<LayerNormFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& /*gain*/, const at::Tensor& /*bias*/,
                            const NormLayer& norm) {
    const NormState state = make_norm_state(input.clone(), norm, {input.size(0)});
    save_state(context, state);
    return run_forward(state, {}, {});
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const NormBackward norm =
        run_backward(saved_state<NormState>(context), gradients[0].contiguous(), false);
    return {norm.input, norm.gain, norm.bias, at::Tensor()};
  }
};

}  // namespace

at::Tensor linear_residual_norm(const at::Tensor& input, const LinearWeights& weights,
                                const at::Tensor& residual, const NormLayer& norm,
                                const TokenRows& tokens, const Dropout& dropout) {
  return LinearResidualNorm::apply(input, weights.weight.master, weights.bias.master, residual,
                                   norm.gain.master, norm.bias.master, weights, norm, tokens,
                                   dropout);
}

at::Tensor layer_norm(const at::Tensor& input, const NormLayer& norm) {
  return LayerNormFunction::apply(input, norm.gain.master, norm.bias.master, norm);
}

}  // namespace lambert
