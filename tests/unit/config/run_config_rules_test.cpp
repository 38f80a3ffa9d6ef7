// SPDX-License-Identifier: Apache-2.0
// Values that are fine alone and impossible together: field names, both values, the rule, a valid
// neighbour.
#include <gmock/gmock.h>

#include "unit/config/config_file.h"

namespace lambert {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kSecondPhase =
    "  - {name: seq512, data: data/seq512, max_seq_length: 512, max_predictions_per_seq: 80,\n"
    "     global_train_batch_size: 64, per_device_train_batch_size: 8, max_steps: 10, "
    "learning_rate: 1.0e-3}\n";

TEST(RunConfigRules, HeadsMustDivideTheWidth) {
  EXPECT_THAT(
      mistake_in(good_config_with("num_attention_heads: 2", "num_attention_heads: 6")),
      AllOf(HasSubstr(
                "run.yaml:2:48: model.num_attention_heads: 6 heads do not divide hidden_size 128"),
            HasSubstr("nearest number that does is 4")));
}

TEST(RunConfigRules, WarmupMustFitIntoTheSteps) {
  EXPECT_THAT(
      mistake_in(good_config_with("warmup_steps: 10", "warmup_steps: 101")),
      HasSubstr(
          "run.yaml:12:19: phases[0].warmup_steps: 101 is above max_steps 100; use at most 100"));
  EXPECT_THAT(mistake_in(good_config_with("warmup_steps: 10", "warmup_steps: 100")), IsEmpty());
}

TEST(RunConfigRules, WarmupIsAWholeNumberOrAShare) {
  EXPECT_THAT(mistake_in(good_config_with("warmup_steps: 10", "warmup_steps: 10.5")),
              HasSubstr("nearest is 11"));
  EXPECT_THAT(mistake_in(good_config_with("warmup_steps: 10", "warmup_steps: 0.25")), IsEmpty());
}

TEST(RunConfigRules, SequencesMustFitIntoThePositionTable) {
  EXPECT_THAT(mistake_in(good_config_with("max_seq_length: 128", "max_seq_length: 1024")),
              HasSubstr("phases[0].max_seq_length: 1024 is above model.max_position_embeddings "
                        "512; use at most 512"));
}

TEST(RunConfigRules, MaskedTokensAreFewerThanTokens) {
  EXPECT_THAT(
      mistake_in(good_config_with("max_predictions_per_seq: 20", "max_predictions_per_seq: 128")),
      HasSubstr("phases[0].max_predictions_per_seq: 128 is not below max_seq_length 128; usual is "
                "15 % of it, 20"));
}

TEST(RunConfigRules, LossScalingIsForFp16) {
  const std::string key = "loss_scale.";
  const std::vector<std::string> all = {
      key + "init_scale=1024",     key + "growth_interval=100",  key + "growth_factor=4",
      key + "backoff_factor=0.25", key + "min_loss_scale=0.125", key + "max_overflow_retries=9"};
  std::vector<std::string> with_fp16 = all;
  with_fp16.emplace_back("precision=fp16");
  EXPECT_THAT(mistake_in(kGoodConfig, with_fp16), IsEmpty());
  for (const std::string& one : all) {
    const std::string path = one.substr(0, one.find('='));
    for (const std::string precision : {"fp32", "bf16"}) {
      EXPECT_THAT(mistake_in(kGoodConfig, {one, "precision=" + precision}),
                  HasSubstr(path + ": has no effect with precision: " + precision +
                            "; leave it out, or choose fp16"));
    }
  }
  EXPECT_THAT(mistake_in(kGoodConfig, {"precision=fp16", key + "init_scale=0.5"}),
              HasSubstr("loss_scale.init_scale: 0.5 is below min_loss_scale 1"));
  EXPECT_THAT(mistake_in(kGoodConfig, {"precision=fp16", key + "backoff_factor=1"}),
              HasSubstr("loss_scale.backoff_factor"));
}

TEST(RunConfigRules, Fp16RefusesWhatLossScalingCannotKeep) {
  const std::string fp16 = "precision=fp16";
  EXPECT_THAT(mistake_in(kGoodConfig, {fp16, "non_finite_gradients=skip"}),
              HasSubstr("non_finite_gradients: precision: fp16 repeats a step"));
  EXPECT_THAT(mistake_in(kGoodConfig, {fp16, "communication.all_reduce_dtype=bfloat16",
                                       "communication.error_feedback=true"}),
              HasSubstr("communication.error_feedback: what rounding on the wire takes away"));
  EXPECT_THAT(
      mistake_in(kGoodConfig, {fp16, "evaluation.squad.train=train.json",
                               "evaluation.squad.dev=dev.json", "evaluation.squad.every_steps=10"}),
      HasSubstr("evaluation.squad.train: fine-tuning has no loss scaling"));
}

TEST(RunConfigRules, Tf32ProductsAreForFp32) {
  const std::string high = "float32_matmul_precision=high";
  EXPECT_THAT(mistake_in(kGoodConfig, {high, "precision=fp32"}), IsEmpty());
  EXPECT_THAT(mistake_in(kGoodConfig, {high, "precision=bf16"}),
              HasSubstr("float32_matmul_precision: has no effect with precision: bf16"));
}

TEST(RunConfigRules, FlashAttentionIsForNarrowTypes) {
  const std::string flash = "attention_kernel=flash";
  EXPECT_THAT(mistake_in(kGoodConfig, {flash, "precision=bf16"}), IsEmpty());
  EXPECT_THAT(mistake_in(kGoodConfig, {flash, "precision=fp32"}),
              HasSubstr("attention_kernel: flash computes in bf16 and fp16"));
}

TEST(RunConfigRules, CudaGraphsAreNotForTheCpu) {
  EXPECT_THAT(mistake_in(kGoodConfig, {"cuda_graphs=true", "device=cuda"}), IsEmpty());
  EXPECT_THAT(mistake_in(kGoodConfig, {"cuda_graphs=true", "device=cpu"}),
              HasSubstr("cuda_graphs: device: cpu has none"));
}

TEST(RunConfigRules, TheSquadGaugeNeedsBothFilesStepsAndPositions) {
  const std::string key = "evaluation.squad.";
  const std::string train = key + "train=train.json";
  const std::string dev = key + "dev=dev.json";
  const std::string steps = key + "every_steps=10";
  EXPECT_THAT(mistake_in(kGoodConfig, {train, dev, steps}), IsEmpty());
  EXPECT_THAT(mistake_in(kGoodConfig, {steps}), IsEmpty());
  EXPECT_THAT(mistake_in(kGoodConfig, {train, steps}),
              HasSubstr("evaluation.squad.dev: is empty, but evaluation.squad.train is given"));
  EXPECT_THAT(mistake_in(kGoodConfig, {dev, steps}),
              HasSubstr("evaluation.squad.train: is empty, but evaluation.squad.dev is given"));
  EXPECT_THAT(mistake_in(kGoodConfig, {train, dev}),
              HasSubstr("evaluation.squad.every_steps: found 0; expected at least 1"));
  EXPECT_THAT(mistake_in(kGoodConfig, {train, dev, steps, key + "max_seq_length=513"}),
              HasSubstr("evaluation.squad.max_seq_length: 513 is above "
                        "model.max_position_embeddings 512"));
  EXPECT_THAT(mistake_in(kGoodConfig, {train, dev, steps, key + "num_train_epochs=0"}),
              HasSubstr("0 excluded"));
}

TEST(RunConfigRules, PhasesHaveDifferentNames) {
  std::string second = kSecondPhase;
  second.replace(second.find("seq512"), 6, "seq128");
  EXPECT_THAT(mistake_in(kGoodConfig + second),
              HasSubstr("phases[1].name: 'seq128' is also the name of phases[0]"));
}

TEST(RunConfigRules, PhasesWithoutNameAreNumbered) {
  const RunConfig config = load_text(good_config_with("  - name: seq128\n    data:", "  - data:"));
  EXPECT_EQ(config.phases[0].name, "phase-1");
}

TEST(RunConfigRules, TrustRatioBoundsAreInOrder) {
  EXPECT_THAT(mistake_in(std::string(kGoodConfig) +
                         "optimizer: {trust_ratio_min: 2.0, trust_ratio_max: 0.5}\n"),
              HasSubstr("optimizer.trust_ratio_min: 2 is above trust_ratio_max 0.5"));
}

TEST(RunConfigRules, KeysOfAnotherOptimizerAreRefused) {
  EXPECT_THAT(mistake_in(std::string(kGoodConfig) + "optimizer: {lars_coefficient: 0.001}\n"),
              HasSubstr("optimizer.lars_coefficient: has no effect with optimizer.name: lamb"));
  EXPECT_THAT(mistake_in(std::string(kGoodConfig) +
                         "optimizer: {name: lars, weight_decay_placement: gradient}\n"),
              HasSubstr("optimizer.weight_decay_placement: has no effect"));
  EXPECT_THAT(mistake_in(std::string(kGoodConfig) +
                         "optimizer: {name: lars, lars_trust_ratio: gradient}\n"),
              IsEmpty());
}

TEST(RunConfigRules, DecayReachesZeroNoEarlierThanThePhaseEnds) {
  EXPECT_THAT(
      mistake_in(good_config_with("max_steps: 100", "max_steps: 100\n    lr_decay_steps: 99")),
      HasSubstr("lr_decay_steps: 99 is below max_steps 100"));
}

TEST(RunConfigRules, OutputAndInputAreDifferentFolders) {
  EXPECT_THAT(mistake_in(good_config_with("output_dir: runs/test", "output_dir: data/./seq128/")),
              HasSubstr("output_dir: 'data/./seq128/' is also phases[0].data"));
  EXPECT_THAT(mistake_in(std::string(kGoodConfig) + "evaluation: {data: runs/test}\n"),
              HasSubstr("is also evaluation.data"));
}

TEST(RunConfigRules, AllStepsTogetherFitIntoTheNamesOfCheckpoints) {
  const std::string text = good_config_with("max_steps: 100", "max_steps: 99999999");
  EXPECT_THAT(mistake_in(text), IsEmpty());
  EXPECT_THAT(mistake_in(text + kSecondPhase),
              HasSubstr("all phases together have 100000009 steps; the limit is 99999999"));
}

TEST(RunConfigRules, UnknownReportIsNamed) {
  EXPECT_THAT(mistake_in(std::string(kGoodConfig) + "logging: {report_to: [tensorbord]}\n"),
              HasSubstr("logging.report_to: found 'tensorbord'"));
  EXPECT_THAT(mistake_in(std::string(kGoodConfig) + "logging: {report_to: []}\n"), IsEmpty());
}

TEST(RunConfigRules, RuleIsSilentAboutAValueThatIsAlreadyReported) {
  EXPECT_THAT(mistake_in(good_config_with("max_steps: 100", "max_steps: many")),
              Not(HasSubstr("warmup_steps")));
}

TEST(RunConfigRules, RulesAndWrongValuesAreReportedTogether) {
  std::string text = good_config_with("num_attention_heads: 2", "num_attention_heads: 3");
  EXPECT_THAT(mistake_in(text + "sede: 1\n"),
              AllOf(HasSubstr("2 mistakes"), HasSubstr("3 heads"), HasSubstr("sede")));
}

}  // namespace
}  // namespace lambert
