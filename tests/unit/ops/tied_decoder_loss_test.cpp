// SPDX-License-Identifier: Apache-2.0
// Loss and gradients against ATen in double precision on the same (rounded) inputs.
#include "ops/tied_decoder_loss.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include "unit/ops/double_reference.h"

namespace lambert {
namespace {

Weight weight_of(const at::Tensor& master, at::ScalarType type) {
  master.requires_grad_(true);
  master.mutable_grad() = at::zeros_like(master);
  return {master, master.detach().to(type)};
}

/// bias: (V). The loss is multiplied by `scale` before the backward pass.
void compare(const at::Tensor& bias, at::ScalarType type, double scale) {
  constexpr std::int64_t kRows = 9;
  constexpr std::int64_t kWidth = 32;
  const at::Tensor input = at::randn({kRows, kWidth}).to(type).requires_grad_(true);
  const Weight words =
      weight_of((at::randn({bias.size(0), kWidth}) * 0.02).to(type).to(at::kFloat), type);
  const Weight decoder_bias = weight_of(bias.clone(), at::kFloat);
  const at::Tensor labels = at::randint(bias.size(0), {kRows}, at::kLong);
  const DecoderLoss ours = tied_decoder_loss(input, words, decoder_bias, labels);
  (ours.sum * scale).backward();

  const at::Tensor their_input = double_leaf(input);
  const at::Tensor their_words = double_leaf(words.compute);
  const at::Tensor their_bias = double_leaf(bias);
  const at::Tensor theirs = at::cross_entropy_loss(at::linear(their_input, their_words, their_bias),
                                                   labels, {}, at::Reduction::Sum);
  (theirs * scale).backward();

  const std::string what = c10::toString(type);
  EXPECT_NEAR(ours.sum.item<double>(), theirs.item<double>(),
              tolerance_of(type) * theirs.item<double>());
  expect_close(input.grad(), their_input.grad(), type, what + ": gradient of the input");
  expect_close(words.master.grad(), their_words.grad(), type, what + ": of the words");
  expect_close(decoder_bias.master.grad(), their_bias.grad(), type, what + ": of the bias");
}

TEST(TiedDecoderLoss, EqualsATenInDoublePrecision) {
  at::manual_seed(5);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf}) {
    compare(at::randn({501}), type, 0.5);
  }
}

// Of 20,001 words the label is nearly certain, and each of the others has a probability of 2e-8:
// less than half of fp16's smallest number.
TEST(TiedDecoderLoss, InFp16SmallProbabilitiesKeepTheirGradients) {
  constexpr std::int64_t kOthers = 20000;
  constexpr double kLogit = -17.75;
  const at::Tensor input = at::zeros({3, 16}, at::kHalf).requires_grad_(true);
  const Weight words = weight_of(at::zeros({kOthers + 1, 16}), at::kHalf);
  const at::Tensor bias = at::full({kOthers + 1}, kLogit);
  bias[0] = 0.0;
  const Weight decoder_bias = weight_of(bias, at::kFloat);
  tied_decoder_loss(input, words, decoder_bias, at::zeros({3}, at::kLong)).sum.backward();

  const double probability = std::exp(kLogit) / (1.0 + kOthers * std::exp(kLogit));
  const at::Tensor others = decoder_bias.master.grad().slice(0, 1);
  EXPECT_NEAR(others.sum().item<double>(), 3.0 * kOthers * probability,
              0.03 * 3.0 * kOthers * probability);
}

}  // namespace
}  // namespace lambert
