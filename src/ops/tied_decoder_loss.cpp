// SPDX-License-Identifier: Apache-2.0
#include "ops/tied_decoder_loss.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include "kernels/column_sums.h"
#include "kernels/cross_entropy.h"
#include "ops/matmul_gradients.h"
#include "ops/parameter_gradient.h"
#include "ops/saved_state.h"
#include "ops/tensor_views.h"

namespace lambert {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct State {
  at::Tensor input;            // (N, H)
  Weight words;                // (V, H)
  Weight bias;                 // (V)
  at::Tensor logit_gradients;  // (N, V), of the loss sum
};

struct TiedDecoderLoss : torch::autograd::Function<TiedDecoderLoss> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& /*input*/,
                            const at::Tensor& /*words*/, const at::Tensor& /*bias*/,
                            const State& state, double loss) {
    save_state(context, state);
    return at::scalar_tensor(loss, at::TensorOptions().dtype(at::kFloat));
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const State state = take_state<State>(context);
    const at::Tensor& scale = gradients[0];
    const at::Tensor scaled_input =
        (state.input.to(at::kFloat) * scale).to(state.input.scalar_type());
    add_weight_gradient(state.logit_gradients, scaled_input, state.words);
    const at::Tensor bias_sums = at::zeros_like(state.bias.master);
    with_element_type(state.logit_gradients, [&](auto element) {
      column_sums(data_of<decltype(element)>(state.logit_gradients), state.logit_gradients.size(0),
                  state.logit_gradients.size(1), mutable_floats_of(bias_sums));
    });
    parameter_gradient(state.bias.master).add_(bias_sums.mul_(scale));
    variable_list result(5);
    result[0] = linear_input_gradient(state.logit_gradients, state.words).mul_(scale);
    return result;
  }
};

}  // namespace

DecoderLoss tied_decoder_loss(const at::Tensor& input, const Weight& words, const Weight& bias,
                              const at::Tensor& labels) {
  const bool trains = at::GradMode::is_enabled();
  const State state{input.detach().contiguous(), words, bias,
                    linear_product(input.detach().contiguous(), words, bias.master)};
  RECORD_USER_SCOPE("lambert::cross-entropy");
  CrossEntropySums sums;
  with_element_type(state.logit_gradients, [&](auto element) {
    using T = decltype(element);
    sums = cross_entropy(mutable_data_of<T>(state.logit_gradients), data_of<std::int64_t>(labels),
                         labels.size(0), words.compute.size(0),
                         trains ? LogitsBecome::gradients : LogitsBecome::unchanged);
  });
  return {TiedDecoderLoss::apply(input, words.master, bias.master, state, sums.loss), sums.correct};
}

}  // namespace lambert
