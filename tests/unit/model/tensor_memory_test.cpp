// SPDX-License-Identifier: Apache-2.0
#include "ops/tensor_memory.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include "model/bert_for_pretraining.h"

namespace lambert {
namespace {

/// Sequences of these lengths, every fifth token masked.
ModelInputs make_inputs(const std::vector<std::int32_t>& lengths, std::int64_t vocabulary) {
  const at::TensorOptions ints(at::kInt);
  ModelInputs inputs;
  inputs.lengths = at::tensor(lengths, ints);
  const std::int64_t tokens = inputs.lengths.sum().item<std::int64_t>();
  inputs.input_ids = at::randint(vocabulary, {tokens}, ints);
  inputs.token_type_ids = at::zeros({tokens}, ints);
  inputs.sample_numbers = at::arange(inputs.lengths.size(0));
  inputs.masked_positions = at::arange(0, tokens, 5);
  inputs.masked_labels = at::randint(vocabulary, {inputs.masked_positions.size(0)});
  inputs.next_sentence_labels = at::zeros({inputs.lengths.size(0)}, at::kLong);
  return inputs;
}

TEST(TensorMemory, StepsAfterTheFirstOfTheLargestShapeAskTheSystemForNothing) {
  keep_tensor_memory();
  at::manual_seed(4);
  ModelConfig config;
  config.vocab_size = 800;
  config.hidden_size = 64;
  config.num_hidden_layers = 3;
  config.num_attention_heads = 2;
  config.intermediate_size = 256;
  BertForPreTraining model(config, Precision::bf16, 1);
  for (const ModelParameter& parameter : model.parameters()) {
    parameter.master.mutable_grad() = at::zeros_like(parameter.master);
  }
  const auto step = [&](const std::vector<std::int32_t>& lengths) {
    const PretrainingLoss loss = model.forward(make_inputs(lengths, config.vocab_size));
    (loss.mlm_sum + loss.nsp_sum).backward();
  };
  step({128, 100, 128, 128});
  const std::size_t after_first = kept_tensor_bytes();
  EXPECT_GT(after_first, std::size_t{1} << 20);
  for (int round = 0; round < 5; ++round) {
    step({128, 100, 128, 128});
    step({60, 128, 17});
  }
  // Smaller steps may leave a hole in another place once; growth that goes on would be a leak.
  EXPECT_LE(kept_tensor_bytes(), after_first + after_first / 20);
  const std::size_t settled = kept_tensor_bytes();
  for (int round = 0; round < 5; ++round) {
    step({60, 128, 17});
    step({128, 100, 128, 128});
  }
  EXPECT_EQ(kept_tensor_bytes(), settled);
}

}  // namespace
}  // namespace lambert
