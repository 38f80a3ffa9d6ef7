// SPDX-License-Identifier: Apache-2.0
#include "ops/linear_residual_norm.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/record_function.h>

#include "kernels/dropout_residual_norm.h"
#include "ops/differentiable.h"
#include "ops/matmul_gradients.h"
#include "ops/parameter_gradient.h"
#include "ops/run_kernel.h"
#include "ops/tensor_views.h"

namespace lambert {

namespace {

/// What dropout + residual + LayerNorm keeps for its backward pass.
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
    run_kernel(output, [&](const auto&... stream) {
      dropout_residual_norm_forward(stream..., state.shape, state.dropout.mask, state.weights(),
                                    input_bias.defined() ? floats_of(input_bias) : nullptr,
                                    residual.defined() ? data_of<T>(residual) : nullptr,
                                    mutable_data_of<T>(state.sum), mutable_data_of<T>(output),
                                    mutable_floats_of(state.mean),
                                    mutable_floats_of(state.inverse_deviation));
    });
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
  const auto scratch = [&] {
    return dropout_residual_norm_scratch_bytes(state.shape.rows(), state.shape.columns);
  };
  with_element_type(above, [&](auto element) {
    using T = decltype(element);
    run_kernel(above, scratch, [&](const auto&... stream) {
      dropout_residual_norm_backward(
          stream..., state.shape, state.dropout.mask, state.weights(), data_of<T>(above),
          data_of<T>(state.sum), floats_of(state.mean), floats_of(state.inverse_deviation),
          mutable_data_of<T>(result.input),
          has_residual ? mutable_data_of<T>(result.residual) : nullptr, gradients);
    });
  });
  return result;
}

}  // namespace

at::Tensor linear_residual_norm(const at::Tensor& input, const LinearWeights& weights,
                                const at::Tensor& residual, const NormLayer& norm,
                                const TokenRows& tokens, const Dropout& dropout) {
  const at::Tensor x = input.detach().contiguous();
  NormState state = make_norm_state(linear_product(x, weights.weight, {}), norm, tokens.layout());
  state.tokens = tokens;
  state.dropout = dropout;
  const at::Tensor output = run_forward(state, weights.bias.master, residual.detach().contiguous());
  const auto backward = [x, weights, state](const at::Tensor& above) -> std::vector<at::Tensor> {
    const NormBackward below = run_backward(state, above, &weights.bias);
    add_weight_gradient(below.input, x, weights.weight);
    return {linear_input_gradient(below.input, weights.weight), below.residual, {}, {}, {}, {}};
  };
  return differentiable(output,
                        {input, residual, weights.weight.master, weights.bias.master,
                         norm.gain.master, norm.bias.master},
                        backward);
}

at::Tensor layer_norm(const at::Tensor& input, const NormLayer& norm) {
  const NormState state = make_norm_state(input.detach().clone(), norm, {input.size(0)});
  const at::Tensor output = run_forward(state, {}, {});
  const auto backward = [state](const at::Tensor& above) -> std::vector<at::Tensor> {
    return {run_backward(state, above, nullptr).input, {}, {}};
  };
  return differentiable(output, {input, norm.gain.master, norm.bias.master}, backward);
}

}  // namespace lambert
