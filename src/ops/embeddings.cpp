// SPDX-License-Identifier: Apache-2.0
#include "ops/embeddings.h"

#include <span>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/record_function.h>

#include "kernels/embedding.h"
#include "ops/differentiable.h"
#include "ops/parameter_gradient.h"
#include "ops/run_kernel.h"
#include "ops/tensor_views.h"

namespace lambert {

namespace {

struct State {
  EmbeddingWeights weights;
  EmbeddingIds ids;
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
    return {data_of<std::int32_t>(ids.input_ids), data_of<std::int32_t>(ids.token_type_ids),
            data_of<T>(weights.words.compute), data_of<T>(weights.positions.compute),
            data_of<T>(weights.token_types.compute)};
  }
  EmbeddingOrders orders() const {
    const auto* const first = data_of<std::int32_t>(ids.orders);
    return {first, first + ids.orders.size(1), first + 2 * ids.orders.size(1)};
  }
};

at::Tensor run_forward(const State& state) {
  RECORD_USER_SCOPE("lambert::embeddings");
  const HiddenShape shape = state.shape();
  const at::Tensor output =
      at::empty({shape.rows(), shape.columns}, state.weights.words.compute.options());
  with_element_type(output, [&](auto element) {
    using T = decltype(element);
    run_kernel(output, [&](const auto&... stream) {
      embedding_forward(stream..., shape, state.dropout.mask, state.norm(), state.lookup<T>(),
                        mutable_data_of<T>(output), mutable_floats_of(state.mean),
                        mutable_floats_of(state.inverse_deviation));
    });
  });
  return output;
}

EmbeddingGradients gradients_of(const EmbeddingWeights& weights) {
  const auto target_of = [](const Weight& weight) {
    const at::Tensor gradient = parameter_gradient(weight.master);
    clear_if_stale(gradient, weight.gradient);
    return mutable_floats_of(gradient);
  };
  return {target_of(weights.words), target_of(weights.positions), target_of(weights.token_types),
          target_of(weights.norm.gain), target_of(weights.norm.bias)};
}

void run_backward(const State& state, const at::Tensor& above) {
  RECORD_USER_SCOPE("lambert::embeddings");
  const HiddenShape shape = state.shape();
  const EmbeddingGradients gradients = gradients_of(state.weights);
  const auto scratch = [&] { return embedding_scratch_bytes(shape.rows(), shape.columns); };
  with_element_type(above, [&](auto element) {
    using T = decltype(element);
    const auto run = [&](const auto&... arguments) {
      embedding_backward(arguments..., data_of<T>(above), floats_of(state.mean),
                         floats_of(state.inverse_deviation), gradients);
    };
    run_kernel(above, scratch, [&](const auto&... stream) {
      if constexpr (sizeof...(stream) == 0) {
        run(shape, state.dropout.mask, state.norm(), state.lookup<T>());
      } else {
        run(stream..., shape, state.dropout.mask, state.norm(), state.lookup<T>(), state.orders());
      }
    });
  });
}

at::Tensor order_of(const at::Tensor& ids) {
  const std::vector<std::int32_t> order =
      stable_order(std::span(data_of<std::int32_t>(ids), static_cast<std::size_t>(ids.numel())));
  return at::tensor(order, at::TensorOptions(at::kInt));
}

}  // namespace

EmbeddingIds make_embedding_ids(const at::Tensor& input_ids, const at::Tensor& token_type_ids,
                                const TokenRows& tokens, bool with_orders) {
  EmbeddingIds ids{input_ids.contiguous(), token_type_ids.contiguous(), {}};
  if (with_orders) {
    ids.orders =
        at::stack({order_of(input_ids), order_of(tokens.position_of), order_of(token_type_ids)});
  }
  return ids;
}

at::Tensor embeddings(const EmbeddingWeights& weights, const EmbeddingIds& ids,
                      const TokenRows& tokens, const Dropout& dropout) {
  const auto fp32 = weights.words.master.options().requires_grad(false);
  const std::int64_t rows = ids.input_ids.size(0);
  const State state{
      weights, ids, tokens, dropout, at::empty({rows}, fp32), at::empty({rows}, fp32)};
  const auto backward = [state](const at::Tensor& above) {
    run_backward(state, above);
    return std::vector<at::Tensor>(5);
  };
  return differentiable(run_forward(state),
                        {weights.words.master, weights.positions.master, weights.token_types.master,
                         weights.norm.gain.master, weights.norm.bias.master},
                        backward);
}

}  // namespace lambert
