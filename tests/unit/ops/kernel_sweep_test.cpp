// SPDX-License-Identifier: Apache-2.0
// Kernels over a sweep of sizes, forward and backward, in fp32, bf16 and fp16, against ATen in
// double precision on the same (rounded) inputs. Dropout is compared in dropout_gradients_test.cpp.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "kernels/attention.h"
#include "kernels/dropout_residual_norm.h"
#include "ops/tensor_views.h"
#include "ops/token_rows.h"
#include "unit/ops/double_reference.h"

namespace lambert {
namespace {

at::Tensor random_of(at::IntArrayRef shape, at::ScalarType type) {
  return at::randn(shape).to(type);
}

struct AttentionCase {
  std::vector<std::int32_t> lengths;
  std::int64_t heads = 1;
  std::int64_t head_size = 64;
  std::int64_t rest = 0;  // rows of no sample
};

/// softmax(Q K^T / sqrt(d)) V of every sample and head, zeros in the rest.
at::Tensor plain_attention(const AttentionCase& c, const at::Tensor& query, const at::Tensor& key,
                           const at::Tensor& value) {
  std::vector<at::Tensor> outputs;
  std::int64_t begin = 0;
  for (const std::int32_t length : c.lengths) {
    const auto heads_of = [&](const at::Tensor& tensor) {
      return tensor.slice(0, begin, begin + length)
          .view({length, c.heads, c.head_size})
          .transpose(0, 1);
    };
    const at::Tensor scores = at::matmul(heads_of(query), heads_of(key).transpose(1, 2)) /
                              std::sqrt(static_cast<double>(c.head_size));
    outputs.push_back(at::matmul(scores.softmax(2), heads_of(value))
                          .transpose(0, 1)
                          .reshape({length, c.heads * c.head_size}));
    begin += length;
  }
  outputs.push_back(at::zeros({c.rest, c.heads * c.head_size}, query.options()));
  return at::cat(outputs);
}

template <typename T>
void compare_attention(const AttentionCase& c, at::ScalarType type) {
  const at::Tensor lengths = at::tensor(c.lengths, at::TensorOptions().dtype(at::kInt));
  const std::int64_t row_count = lengths.sum().item<std::int64_t>() + c.rest;
  const TokenRows tokens = make_token_rows(lengths, row_count);
  const AttentionShape shape{tokens.layout(), c.heads, c.head_size};
  const std::int64_t width = c.heads * c.head_size;
  const at::Tensor query_key_value = random_of({row_count, 3 * width}, type);
  const at::Tensor above = random_of({row_count, width}, type);
  const at::Tensor log_sums = at::empty({row_count, c.heads});
  const at::Tensor output = at::full_like(above, NAN);  // what must not stay
  const at::Tensor gradient = at::full_like(query_key_value, NAN);
  attention_forward(shape, {}, data_of<T>(query_key_value), mutable_data_of<T>(output),
                    mutable_floats_of(log_sums));
  attention_backward(shape, {}, data_of<T>(query_key_value), floats_of(log_sums), data_of<T>(above),
                     mutable_data_of<T>(gradient));
  std::vector<at::Tensor> leaves;
  for (const at::Tensor& part : query_key_value.chunk(3, 1)) {
    leaves.push_back(double_leaf(part));
  }
  const at::Tensor theirs = plain_attention(c, leaves[0], leaves[1], leaves[2]);
  const auto gradients = torch::autograd::grad({theirs}, leaves, {above.to(at::kDouble)});
  const std::string what = std::string(c10::toString(type)) + ", " +
                           std::to_string(c.lengths.size()) + " samples, head size " +
                           std::to_string(c.head_size);
  expect_close(output, theirs.detach(), what + ": output");
  const std::vector<at::Tensor> ours = gradient.chunk(3, 1);
  expect_close(ours[0], gradients[0], what + ": gradient of the query");
  expect_close(ours[1], gradients[1], what + ": gradient of the key");
  expect_close(ours[2], gradients[2], what + ": gradient of the value");
}

TEST(KernelSweep, AttentionOfAnyLengths) {
  at::manual_seed(3);
  const AttentionCase cases[] = {{{2}, 1, 8, 0},
                                 {{16, 16}, 2, 16, 0},
                                 {{2, 15, 17, 3}, 3, 24, 5},
                                 {{33, 128, 64, 2}, 2, 64, 29},
                                 {{7, 100, 31}, 4, 32, 64},
                                 {{200, 512, 3}, 1, 64, 1},
                                 {{129, 127}, 2, 128, 0}};
  for (const AttentionCase& c : cases) {
    compare_attention<float>(c, at::kFloat);
    compare_attention<Bfloat16>(c, at::kBFloat16);
    compare_attention<Float16>(c, at::kHalf);
  }
}

template <typename T>
void compare_norm(std::int64_t rows, std::int64_t columns, at::ScalarType type) {
  const at::Tensor input = random_of({rows, columns}, type);
  const at::Tensor residual = random_of({rows, columns}, type);
  const at::Tensor above = random_of({rows, columns}, type);
  const at::Tensor gain = at::randn({columns});
  const at::Tensor bias = at::randn({columns});
  const at::Tensor input_bias = at::randn({columns});
  const at::Tensor mean = at::empty({rows});
  const at::Tensor inverse_deviation = at::empty({rows});
  const HiddenShape shape{{rows}, columns};
  const NormWeights weights{floats_of(gain), floats_of(bias), 1e-5F};
  const at::Tensor sum = input.clone();
  const at::Tensor output = at::empty_like(input);
  dropout_residual_norm_forward(shape, {}, weights, floats_of(input_bias), data_of<T>(residual),
                                mutable_data_of<T>(sum), mutable_data_of<T>(output),
                                mutable_floats_of(mean), mutable_floats_of(inverse_deviation));
  const at::Tensor input_gradient = at::empty_like(input);
  const at::Tensor residual_gradient = at::empty_like(input);
  const at::Tensor gain_gradient = at::zeros({columns});  // these three are added to
  const at::Tensor bias_gradient = at::zeros({columns});
  const at::Tensor input_bias_gradient = at::zeros({columns});
  dropout_residual_norm_backward(
      shape, {}, weights, data_of<T>(above), data_of<T>(sum), floats_of(mean),
      floats_of(inverse_deviation), mutable_data_of<T>(input_gradient),
      mutable_data_of<T>(residual_gradient),
      {mutable_floats_of(gain_gradient), mutable_floats_of(bias_gradient),
       mutable_floats_of(input_bias_gradient)});
  const std::vector<at::Tensor> leaves = {double_leaf(input), double_leaf(residual),
                                          double_leaf(gain), double_leaf(bias),
                                          double_leaf(input_bias)};
  const at::Tensor theirs =
      at::layer_norm(leaves[0] + leaves[4] + leaves[1], {columns}, leaves[2], leaves[3], 1e-5);
  const auto gradients = torch::autograd::grad({theirs}, leaves, {above.to(at::kDouble)});
  const std::string what = std::string(c10::toString(type)) + ", " + std::to_string(rows) + " x " +
                           std::to_string(columns);
  expect_close(output, theirs.detach(), what + ": output");
  expect_close(input_gradient, gradients[0], what + ": gradient of the input");
  expect_close(residual_gradient, gradients[1], what + ": gradient of the residual");
  // Sums over rows in fp32 from inputs of the compute type.
  for (const auto& [ours, reference, name] :
       {std::tuple(gain_gradient, gradients[2], "gain"),
        std::tuple(bias_gradient, gradients[3], "bias"),
        std::tuple(input_bias_gradient, gradients[4], "input bias")}) {
    expect_close(ours.to(type), reference, what + ": gradient of the " + name);
  }
}

TEST(KernelSweep, ResidualNormOfAnySize) {
  at::manual_seed(4);
  for (const std::int64_t rows : {1, 2, 7, 64, 129}) {
    for (const std::int64_t columns : {8, 17, 128, 768, 1024, 1030}) {
      compare_norm<float>(rows, columns, at::kFloat);
      compare_norm<Bfloat16>(rows, columns, at::kBFloat16);
      compare_norm<Float16>(rows, columns, at::kHalf);
    }
  }
}

}  // namespace
}  // namespace lambert
