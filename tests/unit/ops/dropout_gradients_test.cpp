// SPDX-License-Identifier: Apache-2.0
// The fused functions with dropout against plain ATen autograd that is given the same masks.
// (Without dropout the whole model is compared with Hugging Face in tests/parity.)
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "ops/linear_residual_norm.h"
#include "ops/self_attention.h"

namespace lambert {
namespace {

constexpr std::int64_t kSamples = 2;
constexpr std::int64_t kLength = 19;
constexpr std::int64_t kHeads = 2;
constexpr std::int64_t kHidden = 24;
constexpr double kTolerance = 2e-5;  // relative, fp32 against fp32 in another order

at::Tensor random_leaf(at::IntArrayRef shape) {
  return at::randn(shape).mul_(0.3).requires_grad_(true);
}

Weight weight_of(const at::Tensor& leaf) {
  return {leaf, leaf};
}

LinearWeights random_linear(std::int64_t out, std::int64_t in) {
  return {weight_of(random_leaf({out, in})), weight_of(random_leaf({out}))};
}

Dropout make_dropout() {
  const at::Tensor samples = at::arange(50, 50 + kSamples, at::TensorOptions().dtype(at::kLong));
  return {make_dropout_mask(9, 0, 77, 3, 0.25, samples.const_data_ptr<std::int64_t>()), samples};
}

/// (samples * rows, columns): the multipliers of every row, rows numbered by row_number(row).
template <typename RowNumber>
at::Tensor all_multipliers(const Dropout& dropout, std::int64_t rows, std::int64_t columns,
                           const RowNumber& row_number) {
  const at::Tensor result = at::empty({kSamples * rows, columns});
  for (std::int64_t row = 0; row < kSamples * rows; ++row) {
    dropout_multipliers(dropout.mask, row / rows, row_number(row % rows), columns,
                        result.mutable_data_ptr<float>() + row * columns);
  }
  return result;
}

/// Gradients of sum(output * weighting) for the leaves, which start without any.
std::vector<at::Tensor> gradients_of(const at::Tensor& output, const at::Tensor& weighting,
                                     const std::vector<at::Tensor>& leaves) {
  (output * weighting).sum().backward();
  std::vector<at::Tensor> gradients;
  for (const at::Tensor& leaf : leaves) {
    gradients.push_back(leaf.grad().clone());
    leaf.mutable_grad().reset();
  }
  return gradients;
}

void expect_close(const at::Tensor& ours, const at::Tensor& theirs, double scale) {
  EXPECT_LE((ours - theirs).norm().item<double>(), kTolerance * scale) << theirs.sizes();
}

void expect_equal_functions(const at::Tensor& ours, const at::Tensor& theirs,
                            const std::vector<at::Tensor>& leaves) {
  expect_close(ours, theirs, theirs.norm().item<double>());
  const at::Tensor weighting = at::randn(ours.sizes());
  const auto our_gradients = gradients_of(ours, weighting, leaves);
  const auto their_gradients = gradients_of(theirs, weighting, leaves);
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    // At least 1: the gradient of the key bias is zero but for rounding.
    expect_close(our_gradients[i], their_gradients[i],
                 std::max(1.0, their_gradients[i].norm().item<double>()));
  }
}

TEST(FusedDropout, LinearResidualNormEqualsPlainAutograd) {
  at::manual_seed(1);
  const at::Tensor input = random_leaf({kSamples * kLength, 40});
  const at::Tensor residual = random_leaf({kSamples * kLength, kHidden});
  const LinearWeights weights = random_linear(kHidden, 40);
  const NormLayer norm{weight_of(random_leaf({kHidden})), weight_of(random_leaf({kHidden})), 1e-5};
  const Dropout dropout = make_dropout();
  const at::Tensor multipliers = all_multipliers(
      dropout, kLength, kHidden, [](std::int64_t row) { return static_cast<std::uint32_t>(row); });
  EXPECT_NEAR(multipliers.mean().item<double>(), 1.0, 0.1);
  const at::Tensor product = at::linear(input, weights.weight.master, weights.bias.master);
  const at::Tensor theirs = at::layer_norm(product * multipliers + residual, {kHidden},
                                           norm.gain.master, norm.bias.master, norm.epsilon);
  expect_equal_functions(linear_residual_norm(input, weights, residual, norm, dropout, kLength),
                         theirs,
                         {input, residual, weights.weight.master, weights.bias.master,
                          norm.gain.master, norm.bias.master});
}

TEST(FusedDropout, SelfAttentionEqualsPlainAutograd) {
  at::manual_seed(2);
  const at::Tensor input = random_leaf({kSamples * kLength, kHidden});
  const SelfAttentionWeights weights{random_linear(kHidden, kHidden),
                                     random_linear(kHidden, kHidden),
                                     random_linear(kHidden, kHidden)};
  const at::Tensor lengths = at::full({kSamples}, kLength, at::TensorOptions().dtype(at::kInt));
  lengths[1] = 7;
  const Dropout dropout = make_dropout();
  const at::Tensor multipliers =
      all_multipliers(dropout, kHeads * kLength, kLength, [](std::int64_t row) {
        return static_cast<std::uint32_t>(row / kLength * 65536 + row % kLength);
      }).view({kSamples, kHeads, kLength, kLength});
  const auto split = [&](const LinearWeights& linear_weights) {
    return at::linear(input, linear_weights.weight.master, linear_weights.bias.master)
        .view({kSamples, kLength, kHeads, kHidden / kHeads})
        .transpose(1, 2);
  };
  const at::Tensor is_masked =
      at::arange(kLength).unsqueeze(0).ge(lengths.unsqueeze(1)).unsqueeze(1).unsqueeze(2);
  const at::Tensor scores = at::matmul(split(weights.query), split(weights.key).transpose(2, 3)) /
                            std::sqrt(static_cast<double>(kHidden / kHeads));
  const at::Tensor probabilities = scores.masked_fill(is_masked, -1e30).softmax(3) * multipliers;
  const at::Tensor theirs = at::matmul(probabilities, split(weights.value))
                                .transpose(1, 2)
                                .reshape({kSamples * kLength, kHidden});
  expect_equal_functions(
      self_attention(input, weights, {kSamples, kLength, kHeads, lengths}, dropout), theirs,
      {input, weights.query.weight.master, weights.query.bias.master, weights.key.weight.master,
       weights.key.bias.master, weights.value.weight.master, weights.value.bias.master});
}

}  // namespace
}  // namespace lambert
