// SPDX-License-Identifier: Apache-2.0
#include "ops/linear_residual_norm.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include "kernels/dropout_residual_norm.h"
#include "ops/matmul_gradients.h"
#include "ops/parameter_gradient.h"
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
  NormLayer norm;
  at::Tensor sum;                // (T, H), the LayerNorm's input
  at::Tensor mean;               // (T)
  at::Tensor inverse_deviation;  // (T)

  NormWeights weights() const {
    return {floats_of(norm.gain.master), floats_of(norm.bias.master),
            static_cast<float>(norm.epsilon)};
  }
};

struct State {
  at::Tensor input;
  LinearWeights weights;
  NormState norm;
};

/// layout: only its row count is read when there is no dropout.
NormState make_norm_state(const at::Tensor& sum, const NormLayer& norm, const TokenLayout& layout) {
  NormState state;
  state.shape = {layout, sum.size(1)};
  state.norm = norm;
  state.sum = sum;
  state.mean = at::empty({sum.size(0)}, sum.options().dtype(at::kFloat));
  state.inverse_deviation = at::empty_like(state.mean);
  return state;
}

/// state.sum goes in as the matmul's result and becomes the LayerNorm's input.
at::Tensor run_forward(const NormState& state, const at::Tensor& input_bias,
                       const at::Tensor& residual) {
  RECORD_USER_SCOPE("lambert::dropout, residual, LayerNorm");
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
  at::Tensor input;     // (T, H)
  at::Tensor residual;  // (T, H) or undefined
};

/// input_bias: the bias that was added to the LayerNorm's input, or nullptr: then there was no
/// residual either.
NormBackward run_backward(const NormState& state, const at::Tensor& above,
                          const Weight* input_bias) {
  RECORD_USER_SCOPE("lambert::dropout, residual, LayerNorm");
  const bool has_residual = input_bias != nullptr;
  NormBackward result;
  result.input = at::empty_like(state.sum);
  if (has_residual) {
    result.residual = at::empty_like(state.sum);
  }
  const NormGradients gradients{
      mutable_floats_of(parameter_gradient(state.norm.gain.master)),
      mutable_floats_of(parameter_gradient(state.norm.bias.master)),
      has_residual ? mutable_floats_of(parameter_gradient(input_bias->master)) : nullptr};
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
    const at::Tensor product = linear_product(input.contiguous(), weights.weight, {});
    State state{input.contiguous(), weights, make_norm_state(product, norm, tokens.layout())};
    state.norm.tokens = tokens;
    state.norm.dropout = dropout;
    save_state(context, state);
    return run_forward(state.norm, input_bias, residual.contiguous());
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const State state = take_state<State>(context);
    const NormBackward norm =
        run_backward(state.norm, gradients[0].contiguous(), &state.weights.bias);
    variable_list result(10);
    add_weight_gradient(norm.input, state.input, state.weights.weight);
    result[0] = linear_input_gradient(norm.input, state.weights.weight);
    result[3] = norm.residual;
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
        run_backward(take_state<NormState>(context), gradients[0].contiguous(), nullptr);
    return {norm.input, at::Tensor(), at::Tensor(), at::Tensor()};
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
