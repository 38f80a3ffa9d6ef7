// SPDX-License-Identifier: Apache-2.0
#include "config/run_plan.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "config/load_run_config.h"

namespace lambert {
namespace {

const std::filesystem::path kConfigs = std::filesystem::path(LAMBERT_SOURCE_DIRECTORY) / "configs";

ModelConfig bert_large() {
  ModelConfig model;
  model.vocab_size = kPublishedVocabSize;
  model.hidden_size = 1024;
  model.num_hidden_layers = 24;
  model.num_attention_heads = 16;
  model.intermediate_size = 4096;
  return model;
}

RunConfig run_of_bert_large() {
  RunConfig config;
  config.model = bert_large();
  return config;
}

PhaseConfig phase_of_length_128() {
  PhaseConfig phase;
  phase.max_seq_length = 128;
  phase.max_predictions_per_seq = 20;
  return phase;
}

TEST(ModelSize, BertLargeHas336226108ParametersIn398Tensors) {
  EXPECT_EQ(parameter_count(bert_large()), 336'226'108);
  EXPECT_EQ(parameter_tensor_count(bert_large()), 398);
}

TEST(ModelSize, BertBaseHas110106428Parameters) {
  ModelConfig model;
  model.vocab_size = kPublishedVocabSize;
  EXPECT_EQ(parameter_count(model), 110'106'428);
}

TEST(ModelSize, MemoryHoldsWeightsGradientsAndMoments) {
  const PhaseConfig phase = phase_of_length_128();
  RunConfig config = run_of_bert_large();
  const MemoryEstimate fp32 = estimate_memory(config, phase, 8);
  EXPECT_NEAR(static_cast<double>(2 * fp32.activations),
              static_cast<double>(estimate_memory(config, phase, 16).activations), 2.0);
  config.precision = Precision::bf16;
  const MemoryEstimate bf16 = estimate_memory(config, phase, 8);
  EXPECT_EQ(fp32.total() - fp32.program - fp32.activations, 16 * 336'226'108LL);
  EXPECT_EQ(bf16.total() - bf16.program - bf16.activations, 18 * 336'226'108LL);
  EXPECT_LT(bf16.activations, fp32.activations);
  config.precision = Precision::fp16;
  EXPECT_EQ(estimate_memory(config, phase, 8).total(), bf16.total());
  config.gradient_checkpointing = true;
  EXPECT_LT(5 * estimate_memory(config, phase, 8).activations, bf16.activations);
  config.communication.reduction = Reduction::reproducible;
  EXPECT_EQ(estimate_memory(config, phase, 8).gradients, 12 * 336'226'108LL);
  config.optimizer.name = OptimizerName::lars;
  EXPECT_EQ(estimate_memory(config, phase, 8).moments, 4 * 336'226'108LL);
}

TEST(ModelSize, GraphsHoldTheActivationsOfRecordedMicroBatchesAgain) {
  const PhaseConfig phase = phase_of_length_128();
  RunConfig config = run_of_bert_large();
  EXPECT_EQ(estimate_memory(config, phase, 8).graphs, 0);  // on the CPU
  config.device = DeviceKind::cuda;
  const auto graphs_of = [&](std::int64_t micro_batch) {
    return estimate_memory(config, phase, micro_batch).graphs;
  };
  const std::int64_t largest = estimate_memory(config, phase, 64).activations;  // 8,192 tokens
  EXPECT_EQ(graphs_of(64), largest);
  EXPECT_NEAR(static_cast<double>(graphs_of(8)), static_cast<double>(largest) / 8, 8.0);
  EXPECT_NEAR(static_cast<double>(graphs_of(96)), static_cast<double>(largest) / 2, 8.0);
  EXPECT_EQ(graphs_of(128), 0);
  config.cuda_graphs = AutoFlag::on;
  EXPECT_NEAR(static_cast<double>(graphs_of(128)), 2.0 * static_cast<double>(largest), 8.0);
  config.cuda_graphs = AutoFlag::off;
  EXPECT_EQ(graphs_of(8), 0);
}

TEST(ModelSize, RanksShareTheOptimizersStateWhenItIsSharded) {
  constexpr std::int64_t kParameters = 336'226'108LL;
  constexpr std::int64_t kQueryKeyValue = std::int64_t{24} * 3 * 1024 * 1024;
  const PhaseConfig phase = phase_of_length_128();
  RunConfig config = run_of_bert_large();
  config.communication.sharded_optimizer = true;
  const MemoryEstimate fp32 = estimate_memory(config, phase, 8, 4);
  EXPECT_EQ(fp32.weights, 4 * kParameters);  // the forward pass reads all of them
  EXPECT_EQ(fp32.moments, 2 * kParameters);
  config.precision = Precision::bf16;
  const MemoryEstimate bf16 = estimate_memory(config, phase, 8, 4);
  EXPECT_EQ(bf16.weights, kParameters);
  EXPECT_EQ(bf16.compute_weights, 2 * (kParameters + kQueryKeyValue));  // with a copy
  EXPECT_EQ(bf16.gradients, 4 * kParameters);
  EXPECT_EQ(bf16.moments, 2 * kParameters);
  EXPECT_EQ(bf16.residuals, 0);
  config.communication.error_feedback = true;
  EXPECT_EQ(estimate_memory(config, phase, 8, 4).residuals, 4 * kParameters);
  // With hundreds of ranks the start, before master weights are given back, is the largest moment.
  config.communication.error_feedback = false;
  config.gradient_checkpointing = true;
  const MemoryEstimate start = estimate_memory(config, phase, 1, 1000);
  EXPECT_EQ(start.total(), start.program + 10 * kParameters);
}

TEST(RunPlan, WarmupShareIsRoundedToTheNearestStep) {
  PhaseConfig phase;
  phase.max_steps = 7038;
  phase.warmup_steps = 0.2843;
  EXPECT_EQ(warmup_step_count(phase), 2001);
  phase.warmup_steps = 1;
  EXPECT_EQ(warmup_step_count(phase), 1);
}

TEST(RunPlan, CountsSequencesAndTokensOfThePublishedRecipe) {
  const RunPlan plan = plan_run(load_run_config(kConfigs / "bert_large_64k.yaml", {}), 8, 0);
  EXPECT_EQ(plan.steps, 8601);
  EXPECT_EQ(plan.sequences, 7038LL * 65536 + 1563LL * 32768);
  EXPECT_EQ(plan.tokens, 7038LL * 65536 * 128 + 1563LL * 32768 * 512);
  EXPECT_EQ(plan.phases[0].shape.micro_batch, 512);
  EXPECT_EQ(plan.phases[0].shape.accumulation, 16);
  EXPECT_TRUE(plan.vocab_size_is_assumed);
  EXPECT_EQ(plan.parameters, 336'226'108);
}

TEST(RunPlan, TakesTheVocabularyOfTheData) {
  const RunPlan plan = plan_run(load_run_config(kConfigs / "bert_tiny.yaml", {}), 1, 8000);
  EXPECT_EQ(plan.vocab_size, 8000);
  EXPECT_FALSE(plan.vocab_size_is_assumed);
}

TEST(RunPlan, TheGaugeAddsASecondModelInTraining) {
  const std::vector<std::string> gauge = {
      "evaluation.squad.train=train.json", "evaluation.squad.dev=dev.json",
      "evaluation.squad.every_steps=4000", "phases[0].max_steps=9000", "phases[1].max_steps=1000"};
  const RunPlan off = plan_run(load_run_config(kConfigs / "bert_mini.yaml", {}), 1, 8000);
  const RunPlan on = plan_run(load_run_config(kConfigs / "bert_mini.yaml", gauge), 1, 8000);
  EXPECT_FALSE(off.gauge.has_value());
  ASSERT_TRUE(on.gauge.has_value());
  EXPECT_EQ(on.gauge->measurements, 4);  // 4000, 8000, 9000 and 10000, the ends of the phases
  ModelConfig model = load_run_config(kConfigs / "bert_mini.yaml", {}).model;
  model.vocab_size = 8000;
  const std::int64_t second = question_answering_parameter_count(model);
  EXPECT_EQ(on.gauge->memory.weights, off.phases[0].memory.weights + 4 * second);
  EXPECT_EQ(on.gauge->memory.gradients, off.phases[0].memory.gradients + 4 * second);
  EXPECT_EQ(on.gauge->memory.moments, off.phases[0].memory.moments + 8 * second);
}

TEST(ModelSize, BertBaseForQuestionAnsweringHas108893186Parameters) {
  ModelConfig model;
  model.vocab_size = kPublishedVocabSize;
  EXPECT_EQ(question_answering_parameter_count(model), 108'893'186);  // as Transformers counts
}

TEST(RunPlan, EveryConfigurationFitsOneTo1024Ranks) {
  for (const char* name : {"bert_large_64k.yaml", "bert_large_32k.yaml", "bert_base.yaml",
                           "bert_mini.yaml", "bert_tiny.yaml"}) {
    const RunConfig config = load_run_config(kConfigs / name, {});
    for (std::int64_t ranks = 1; ranks <= 1024; ranks *= 2) {
      EXPECT_NO_THROW(plan_run(config, ranks, 0)) << name << " on " << ranks;
    }
  }
}

TEST(RunPlan, LargestAcceptedSizesDoNotOverflow) {
  RunConfig config;
  config.model.vocab_size = 10'000'000;
  config.model.hidden_size = 65'536;
  config.model.intermediate_size = 1'048'576;
  config.model.num_attention_heads = 65'536;
  config.model.num_hidden_layers = 1'000;
  config.model.max_position_embeddings = 16'384;
  PhaseConfig phase;
  phase.max_seq_length = 16'384;
  phase.max_predictions_per_seq = 16'383;
  phase.global_train_batch_size = 4'194'304;
  phase.per_device_train_batch_size = 4'194'304;
  phase.max_steps = 99'999'999;
  config.phases = {phase};
  const RunPlan plan = plan_run(config, 1, 0);
  EXPECT_GT(plan.tokens, 0);
  EXPECT_GT(plan.phases[0].memory.total(), 0);
}

}  // namespace
}  // namespace lambert
