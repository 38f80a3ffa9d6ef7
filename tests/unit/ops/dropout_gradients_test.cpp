// SPDX-License-Identifier: Apache-2.0
// The fused functions with dropout against plain ATen autograd that is given the same masks.
// (Without dropout the whole model is compared with Hugging Face in tests/parity.)
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "ops/linear_residual_norm.h"
#include "ops/self_attention.h"

namespace lambert {
namespace {

const std::vector<std::int32_t> kLengths = {19, 7};
constexpr std::int64_t kRows = 30;  // four belong to no sample
constexpr std::int64_t kHeads = 2;
constexpr std::int64_t kHidden = 24;
constexpr double kTolerance = 2e-5;  // relative, fp32 against fp32 in another order

TokenRows token_rows() {
  return make_token_rows(at::tensor(kLengths, at::TensorOptions().dtype(at::kInt)), kRows);
}

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
  const at::Tensor samples = at::arange(50, 52, at::TensorOptions().dtype(at::kLong));
  return {make_dropout_mask(9, 0, 77, 3, 0.25, samples.const_data_ptr<std::int64_t>()), samples};
}

/// (row_count, columns): the multipliers of rows first_row ... of a sample.
at::Tensor multipliers_of(const Dropout& dropout, std::int64_t sample, std::int64_t first_row,
                          std::int64_t row_count, std::int64_t columns) {
  const at::Tensor result = at::empty({row_count, columns});
  for (std::int64_t row = 0; row < row_count; ++row) {
    dropout_multipliers(dropout.mask, sample, static_cast<std::uint32_t>(first_row + row), columns,
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
  const at::Tensor input = random_leaf({kRows, 40});
  const at::Tensor residual = random_leaf({kRows, kHidden});
  const LinearWeights weights = random_linear(kHidden, 40);
  const NormLayer norm{weight_of(random_leaf({kHidden})), weight_of(random_leaf({kHidden})), 1e-5};
  const Dropout dropout = make_dropout();
  const at::Tensor multipliers =
      at::cat({multipliers_of(dropout, 0, 0, kLengths[0], kHidden),
               multipliers_of(dropout, 1, 0, kLengths[1], kHidden),
               // Rows of no sample are computed as if they were the first sample's first.
               multipliers_of(dropout, 0, 0, 1, kHidden).expand({4, kHidden})});
  EXPECT_NEAR(multipliers.mean().item<double>(), 1.0, 0.1);
  const at::Tensor product = at::linear(input, weights.weight.master, weights.bias.master);
  const at::Tensor theirs = at::layer_norm(product * multipliers + residual, {kHidden},
                                           norm.gain.master, norm.bias.master, norm.epsilon);
  expect_equal_functions(
      linear_residual_norm(input, weights, residual, norm, token_rows(), dropout), theirs,
      {input, residual, weights.weight.master, weights.bias.master, norm.gain.master,
       norm.bias.master});
}

TEST(FusedDropout, SelfAttentionEqualsPlainAutograd) {
  at::manual_seed(2);
  const at::Tensor input = random_leaf({kRows, kHidden});
  SelfAttentionWeights weights{random_linear(kHidden, kHidden), random_linear(kHidden, kHidden),
                               random_linear(kHidden, kHidden), nullptr};
  weights.joined = std::make_shared<JoinedLinear>(
      std::vector<LinearWeights>{weights.query, weights.key, weights.value});
  const Dropout dropout = make_dropout();
  std::vector<at::Tensor> outputs;
  std::int64_t begin = 0;
  for (std::int64_t sample = 0; sample < 2; ++sample) {
    const std::int64_t length = kLengths[static_cast<std::size_t>(sample)];
    const auto heads_of = [&](const LinearWeights& linear_weights) {
      return at::linear(input.slice(0, begin, begin + length), linear_weights.weight.master,
                        linear_weights.bias.master)
          .view({length, kHeads, kHidden / kHeads})
          .transpose(0, 1);
    };
    const at::Tensor scores =
        at::matmul(heads_of(weights.query), heads_of(weights.key).transpose(1, 2)) /
        std::sqrt(static_cast<double>(kHidden / kHeads));
    const at::Tensor multipliers =
        at::stack({multipliers_of(dropout, sample, 0, length, length),
                   multipliers_of(dropout, sample, 65536, length, length)});
    outputs.push_back(at::matmul(scores.softmax(2) * multipliers, heads_of(weights.value))
                          .transpose(0, 1)
                          .reshape({length, kHidden}));
    begin += length;
  }
  outputs.push_back(at::zeros({kRows - begin, kHidden}));
  expect_equal_functions(
      self_attention(input, weights, token_rows(), kHeads, dropout, AttentionKernel::tiled),
      at::cat(outputs),
      {input, weights.query.weight.master, weights.query.bias.master, weights.key.weight.master,
       weights.key.bias.master, weights.value.weight.master, weights.value.bias.master});
}

}  // namespace
}  // namespace lambert
