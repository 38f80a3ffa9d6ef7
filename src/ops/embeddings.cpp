// SPDX-License-Identifier: Apache-2.0
#include "ops/embeddings.h"

#include <utility>

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include "kernels/embedding.h"
#include "ops/parameter_gradient.h"
#include "ops/saved_state.h"
#include "ops/tensor_views.h"

namespace lambert {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct State {
  EmbeddingWeights weights;
  at::Tensor input_ids;
  at::Tensor token_type_ids;
  TokenRows tokens;
  Dropout dropout;
  at::Tensor mean;               // (T)
  at::Tensor inverse_deviation;  // (T)

  HiddenShape shape() const { return {tokens.layout(), weights.words.compute.size(1)}; }
  NormWeights norm() const {
    return {floats_of(weights.norm.gain.master), floats_of(weights.norm.bias.master),
            static_cast<float>(weights.norm.epsilon)};
  }
  template <typename T>
  EmbeddingLookup<T> lookup() const {
    return {data_of<std::int32_t>(input_ids), data_of<std::int32_t>(token_type_ids),
            data_of<T>(weights.words.compute), data_of<T>(weights.positions.compute),
            data_of<T>(weights.token_types.compute)};
  }
};

struct Embeddings : torch::autograd::Function<Embeddings> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& /*words*/,
                            const at::Tensor& /*positions*/, const at::Tensor& /*token_types*/,
                            const at::Tensor& /*gain*/, const at::Tensor& /*bias*/, State state) {
    RECORD_USER_SCOPE("lambert::embeddings");
    const HiddenShape shape = state.shape();
    state.mean = at::empty({shape.rows()});
    state.inverse_deviation = at::empty({shape.rows()});
    const at::Tensor output =
        at::empty({shape.rows(), shape.columns}, state.weights.words.compute.options());
    with_element_type(output, [&](auto element) {
      using T = decltype(element);
      embedding_forward(shape, state.dropout.mask, state.norm(), state.lookup<T>(),
                        mutable_data_of<T>(output), mutable_floats_of(state.mean),
                        mutable_floats_of(state.inverse_deviation));
    });
    save_state(context, std::move(state));
    return output;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    RECORD_USER_SCOPE("lambert::embeddings");
    const State state = take_state<State>(context);
    const at::Tensor above = gradients[0].contiguous();
    const EmbeddingWeights& weights = state.weights;
    const auto target_of = [](const Weight& weight) {
      return mutable_floats_of(parameter_gradient(weight.master));
    };
    const EmbeddingGradients targets{target_of(weights.words), target_of(weights.positions),
                                     target_of(weights.token_types), target_of(weights.norm.gain),
                                     target_of(weights.norm.bias)};
    with_element_type(above, [&](auto element) {
      using T = decltype(element);
      embedding_backward(state.shape(), state.dropout.mask, state.norm(), state.lookup<T>(),
                         data_of<T>(above), floats_of(state.mean),
                         floats_of(state.inverse_deviation), targets);
    });
    return variable_list(6);
  }
};

}  // namespace

at::Tensor embeddings(const EmbeddingWeights& weights, const at::Tensor& input_ids,
                      const at::Tensor& token_type_ids, const TokenRows& tokens,
                      const Dropout& dropout) {
  State state;
  state.weights = weights;
  state.input_ids = input_ids.contiguous();
  state.token_type_ids = token_type_ids.contiguous();
  state.tokens = tokens;
  state.dropout = dropout;
  return Embeddings::apply(weights.words.master, weights.positions.master,
                           weights.token_types.master, weights.norm.gain.master,
                           weights.norm.bias.master, state);
}

}  // namespace lambert
