// SPDX-License-Identifier: Apache-2.0
#include "model/bert_for_pretraining.h"

#include <cmath>
#include <map>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace lambert {
namespace {

ModelConfig tiny_config() {
  ModelConfig config;
  config.vocab_size = 101;
  config.hidden_size = 32;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 2;
  config.intermediate_size = 64;
  config.max_position_embeddings = 24;
  return config;
}

at::Tensor integers(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::TensorOptions().dtype(at::kLong));
}

ModelInputs example_inputs() {
  const at::TensorOptions ids = at::TensorOptions().dtype(at::kInt);
  ModelInputs inputs;
  inputs.input_ids = at::arange(1, 41, ids);
  inputs.token_type_ids = at::arange(40, ids).remainder(2);
  inputs.lengths = integers({20, 13}).to(at::kInt);
  inputs.masked_positions = integers({1, 5, 22, 30});
  inputs.masked_labels = integers({7, 8, 9, 10});
  inputs.next_sentence_labels = integers({0, 1});
  inputs.sample_numbers = integers({100, 4'000'000'000});
  inputs.dropout = {.seed = 3, .phase = 1, .step = 5};
  return inputs;
}

at::Tensor total_loss(const PretrainingLoss& loss) {
  return loss.mlm_sum / 4 + loss.nsp_sum / 2;
}

TEST(BertForPreTraining, EqualSeedsGiveEqualWeights) {
  const BertForPreTraining first(tiny_config(), Precision::fp32, 5);
  const BertForPreTraining second(tiny_config(), Precision::fp32, 5);
  const BertForPreTraining other(tiny_config(), Precision::fp32, 6);
  ASSERT_EQ(first.parameters().size(), 46U);
  for (std::size_t i = 0; i < first.parameters().size(); ++i) {
    EXPECT_TRUE(at::equal(first.parameters()[i].master, second.parameters()[i].master));
  }
  EXPECT_FALSE(at::equal(first.parameters()[0].master, other.parameters()[0].master));
}

TEST(BertForPreTraining, StartsWithTheConfiguredSpreadZeroBiasesAndUnitGains) {
  const BertForPreTraining model(tiny_config(), Precision::fp32, 5);
  for (const ModelParameter& parameter : model.parameters()) {
    const at::Tensor values = parameter.master.detach();
    if (parameter.name.ends_with(".bias")) {
      EXPECT_EQ(values.abs().max().item<float>(), 0.0F) << parameter.name;
    } else if (parameter.name.ends_with("LayerNorm.weight")) {
      EXPECT_TRUE(at::equal(values, at::ones_like(values))) << parameter.name;
    } else if (values.numel() > 1000) {
      EXPECT_NEAR(values.std().item<double>(), 0.02, 0.002) << parameter.name;
      EXPECT_NEAR(values.mean().item<double>(), 0.0, 0.002) << parameter.name;
    }
  }
}

TEST(BertForPreTraining, UntrainedLossIsThatOfGuessing) {
  BertForPreTraining model(tiny_config(), Precision::fp32, 5);
  const PretrainingLoss loss = model.evaluate(example_inputs());
  EXPECT_EQ(loss.masked_tokens, 4);
  EXPECT_EQ(loss.sequences, 2);
  EXPECT_NEAR(loss.mlm_sum.item<double>() / 4, std::log(101.0), 0.2);
  EXPECT_NEAR(loss.nsp_sum.item<double>() / 2, std::log(2.0), 0.1);
}

TEST(BertForPreTraining, GradientsAddIntoPresetViewsAndEveryHookFiresOnce) {
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    BertForPreTraining model(tiny_config(), precision, 5);
    const at::Tensor flat = at::zeros({count_parameters(model.config())});
    std::map<std::string, int> fired;
    std::int64_t offset = 0;
    for (const ModelParameter& parameter : model.parameters()) {
      const std::int64_t size = parameter.master.numel();
      parameter.master.mutable_grad() =
          flat.slice(0, offset, offset + size).view(parameter.master.sizes());
      offset += size;
      // The gradient itself is written into the view: nothing travels along the graph.
      parameter.master.register_hook(
          [&fired, name = parameter.name](const at::Tensor& /*none*/) { ++fired[name]; });
    }
    total_loss(model.forward(example_inputs())).backward();
    const at::Tensor once = flat.clone();
    total_loss(model.forward(example_inputs())).backward();
    EXPECT_GT(once.norm().item<double>(), 0.1);
    EXPECT_TRUE(at::allclose(flat, 2 * once, 1e-4, 1e-6));
    const char* position = static_cast<const char*>(flat.const_data_ptr());
    for (const ModelParameter& parameter : model.parameters()) {
      EXPECT_EQ(parameter.master.grad().const_data_ptr(), position) << parameter.name;
      position += parameter.master.nbytes();
      EXPECT_EQ(fired[parameter.name], 2) << parameter.name;
    }
  }
}

TEST(BertForPreTraining, CheckpointedLayersGiveTheSameBits) {
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    BertForPreTraining whole(tiny_config(), precision, 5);
    BertForPreTraining checkpointed(tiny_config(), precision, 5, true);
    const at::Tensor loss = total_loss(whole.forward(example_inputs()));
    const at::Tensor same_loss = total_loss(checkpointed.forward(example_inputs()));
    EXPECT_EQ(loss.item<float>(), same_loss.item<float>());
    loss.backward();
    same_loss.backward();
    for (std::size_t i = 0; i < whole.parameters().size(); ++i) {
      EXPECT_TRUE(at::equal(whole.parameters()[i].master.grad(),
                            checkpointed.parameters()[i].master.grad()))
          << whole.parameters()[i].name;
    }
  }
}

TEST(BertForPreTraining, RowsAfterTheLastSequenceDoNotChangeTheLosses) {
  BertForPreTraining model(tiny_config(), Precision::fp32, 5);
  const ModelInputs inputs = example_inputs();
  const PretrainingLoss before = model.evaluate(inputs);
  inputs.input_ids.slice(0, 33, 40).fill_(0);
  const PretrainingLoss after = model.evaluate(inputs);
  EXPECT_FLOAT_EQ(before.mlm_sum.item<float>(), after.mlm_sum.item<float>());
  EXPECT_FLOAT_EQ(before.nsp_sum.item<float>(), after.nsp_sum.item<float>());
}

TEST(BertForPreTraining, DropoutOfASampleDoesNotDependOnItsBatch) {
  BertForPreTraining model(tiny_config(), Precision::fp32, 5);
  const ModelInputs both = example_inputs();
  ModelInputs second = both;
  second.input_ids = both.input_ids.slice(0, 20, 40);
  second.token_type_ids = both.token_type_ids.slice(0, 20, 40);
  second.lengths = both.lengths.slice(0, 1, 2);
  second.next_sentence_labels = both.next_sentence_labels.slice(0, 1, 2);
  second.sample_numbers = both.sample_numbers.slice(0, 1, 2);
  second.masked_positions = both.masked_positions.slice(0, 2, 4) - 20;
  second.masked_labels = both.masked_labels.slice(0, 2, 4);
  ModelInputs first = both;  // its second sequence has no masked token then
  first.masked_positions = both.masked_positions.slice(0, 0, 2);
  first.masked_labels = both.masked_labels.slice(0, 0, 2);
  const double whole = model.forward(both).mlm_sum.item<double>();
  const double parts =
      model.forward(first).mlm_sum.item<double>() + model.forward(second).mlm_sum.item<double>();
  EXPECT_NEAR(whole, parts, 1e-5);
  EXPECT_NE(whole, model.evaluate(both).mlm_sum.item<double>());
}

TEST(BertForPreTraining, BatchesWithoutMaskedTokensTrainTheNextSentenceHead) {
  BertForPreTraining model(tiny_config(), Precision::fp32, 5);
  ModelInputs inputs = example_inputs();
  inputs.masked_positions = integers({});
  inputs.masked_labels = integers({});
  const PretrainingLoss loss = model.forward(inputs);
  (loss.mlm_sum + loss.nsp_sum).backward();
  EXPECT_EQ(loss.mlm_sum.item<float>(), 0.0F);
  EXPECT_GT(model.parameters().front().master.grad().norm().item<double>(), 0.0);
}

TEST(BertForPreTraining, TokensOutsideTheVocabularyAreADataError) {
  BertForPreTraining model(tiny_config(), Precision::fp32, 5);
  const ModelInputs inputs = example_inputs();
  inputs.input_ids[23] = 101;
  EXPECT_THROW(model.evaluate(inputs), DataError);
}

TEST(BertForPreTraining, RefreshCopiesMasterWeightsIntoComputeWeights) {
  BertForPreTraining model(tiny_config(), Precision::bf16, 5);
  const ModelParameter& first = model.parameters().front();
  {
    const at::NoGradGuard no_gradients;
    at::Tensor(first.master).fill_(0.5);
  }
  model.refresh_compute_weights();
  EXPECT_EQ(first.compute.scalar_type(), at::kBFloat16);
  EXPECT_EQ(first.compute.min().item<float>(), 0.5F);
}

}  // namespace
}  // namespace lambert
