// SPDX-License-Identifier: Apache-2.0
#include "ops/tied_decoder_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>
#include <ATen/record_function.h>

#include "kernels/column_sums.h"
#include "kernels/cross_entropy.h"
#include "ops/differentiable.h"
#include "ops/matmul_gradients.h"
#include "ops/parameter_gradient.h"
#include "ops/run_kernel.h"
#include "ops/tensor_views.h"

namespace lambert {

namespace {

/// CrossEntropySums in the memory of `like`.
struct SumsOnDevice {
  explicit SumsOnDevice(const at::Tensor& like)
      : memory(at::empty({2}, like.options().dtype(at::kLong))) {}
  CrossEntropySums* pointer() const { return mutable_data_of<CrossEntropySums>(memory); }
  DecoderLoss loss() const {
    return {memory.slice(0, 0, 1).view(at::kDouble).squeeze().to(at::kFloat), memory.select(0, 1)};
  }

  at::Tensor memory;  // a double, an int64
};
static_assert(sizeof(CrossEntropySums) == 16 && offsetof(CrossEntropySums, correct) == 8);

/// Without a place in the graph. The logits become their gradients if wanted.
DecoderLoss cross_entropy_of(const at::Tensor& logits, const at::Tensor& labels,
                             LogitsBecome become) {
  RECORD_USER_SCOPE("lambert::cross-entropy");
  const SumsOnDevice sums(logits);
  const auto scratch = [&] { return cross_entropy_scratch_bytes(logits.size(0)); };
  with_element_type(logits, [&](auto element) {
    using T = decltype(element);
    run_kernel(logits, scratch, [&](const auto&... stream) {
      auto* const values = mutable_data_of<T>(logits);
      const auto* const label_values = data_of<std::int64_t>(labels);
      if constexpr (sizeof...(stream) == 0) {
        *sums.pointer() =
            cross_entropy(values, label_values, logits.size(0), logits.size(1), become);
      } else {
        cross_entropy(stream..., values, label_values, logits.size(0), logits.size(1), become,
                      sums.pointer());
      }
    });
  });
  return sums.loss();
}

/// What the logits' gradients were stored times.
double stored_scale_of(const at::Tensor& logit_gradients) {
  double scale = 1.0;
  with_element_type(logit_gradients,
                    [&](auto element) { scale = kLogitGradientScale<decltype(element)>; });
  return scale;
}

/// scale: () fp32, of the logits' gradients.
void add_scaled_column_sums(const at::Tensor& logit_gradients, const at::Tensor& scale,
                            const at::Tensor& bias) {
  const at::Tensor sums = at::zeros_like(bias, at::TensorOptions().requires_grad(false));
  const std::int64_t rows = logit_gradients.size(0);
  const std::int64_t classes = logit_gradients.size(1);
  const auto scratch = [&] { return column_sums_scratch_bytes(rows, classes); };
  with_element_type(logit_gradients, [&](auto element) {
    run_kernel(logit_gradients, scratch, [&](const auto&... stream) {
      column_sums(stream..., data_of<decltype(element)>(logit_gradients), rows, classes,
                  mutable_floats_of(sums));
    });
  });
  parameter_gradient(bias).add_(sums.mul_(scale));
}

}  // namespace

DecoderLoss tied_decoder_loss(const at::Tensor& input, const Weight& words, const Weight& bias,
                              const at::Tensor& labels) {
  const at::Tensor x = input.detach().contiguous();
  const at::Tensor logits = linear_product(x, words, bias.master);
  const bool trains = at::GradMode::is_enabled();
  const DecoderLoss loss =
      cross_entropy_of(logits, labels, trains ? LogitsBecome::gradients : LogitsBecome::unchanged);
  const auto backward = [x, words, bias, logit_gradients = logits](
                            const at::Tensor& above) -> std::vector<at::Tensor> {
    const at::Tensor scale = above / stored_scale_of(logit_gradients);
    const at::Tensor scaled_input = (x.to(at::kFloat) * scale).to(x.scalar_type());
    add_weight_gradient(logit_gradients, scaled_input, words);
    add_scaled_column_sums(logit_gradients, scale, bias.master);
    return {linear_input_gradient(logit_gradients, words).mul_(scale), {}, {}};
  };
  return {differentiable(loss.sum, {input, words.master, bias.master}, backward), loss.correct};
}

}  // namespace lambert
