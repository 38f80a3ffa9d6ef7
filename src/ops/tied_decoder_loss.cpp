// SPDX-License-Identifier: Apache-2.0
#include "ops/tied_decoder_loss.h"

#include <ATen/ATen.h>

#include "kernels/cross_entropy.h"
#include "ops/matmul_gradients.h"
#include "ops/saved_state.h"
#include "ops/tensor_views.h"

namespace lambert {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct State {
  at::Tensor input;            // (N, H)
  at::Tensor words;            // (V, H)
  at::Tensor logit_gradients;  // (N, V), of the loss sum
  std::shared_ptr<TiedGradient> tied;
};

/// The words are no input of this function: their gradient travels through state.tied.
struct TiedDecoderLoss : torch::autograd::Function<TiedDecoderLoss> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& /*input*/,
                            const at::Tensor& /*bias*/, const State& state, double loss) {
    save_state(context, state);
    return at::scalar_tensor(loss, at::TensorOptions().dtype(at::kFloat));
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto& state = saved_state<State>(context);
    const at::Tensor& scale = gradients[0];
    const at::Tensor scaled_input =
        (state.input.to(at::kFloat) * scale).to(state.input.scalar_type());
    const at::Tensor words_gradient = linear_weight_gradient(state.logit_gradients, scaled_input);
    at::Tensor& shared = state.tied->of_decoder;
    shared = shared.defined() ? shared + words_gradient : words_gradient;
    const at::Tensor input_gradient = linear_input_gradient(state.logit_gradients, state.words);
    return {input_gradient.mul_(scale), linear_bias_gradient(state.logit_gradients).mul_(scale),
            at::Tensor(), at::Tensor()};
  }
};

}  // namespace

DecoderLoss tied_decoder_loss(const at::Tensor& input, const Weight& words, const Weight& bias,
                              const at::Tensor& labels, const std::shared_ptr<TiedGradient>& tied) {
  const bool trains = at::GradMode::is_enabled();
  const State state{input.detach().contiguous(), words.compute.detach(),
                    linear_product(input.detach().contiguous(), words.compute, bias.master), tied};
  CrossEntropySums sums;
  with_element_type(state.logit_gradients, [&](auto element) {
    using T = decltype(element);
    sums = cross_entropy(mutable_data_of<T>(state.logit_gradients), data_of<std::int64_t>(labels),
                         labels.size(0), words.compute.size(0),
                         trains ? LogitsBecome::gradients : LogitsBecome::unchanged);
  });
  return {TiedDecoderLoss::apply(input, bias.master, state, sums.loss), sums.correct};
}

}  // namespace lambert
