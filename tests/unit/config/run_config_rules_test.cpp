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
