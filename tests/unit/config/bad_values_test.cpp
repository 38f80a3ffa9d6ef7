// SPDX-License-Identifier: Apache-2.0
// Keys and single values that are wrong: each names its place and what was expected.
#include <gmock/gmock.h>

#include "unit/config/config_file.h"

namespace lambert {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string mistake_with_steps(const std::string& value) {
  return mistake_in(good_config_with("max_steps: 100", "max_steps: " + value));
}

std::string mistake_with_rate(const std::string& value) {
  return mistake_in(good_config_with("learning_rate: 1.0e-3", "learning_rate: " + value));
}

std::string mistake_with_optimizer(const std::string& text) {
  return mistake_in(std::string(kGoodConfig) + "optimizer: {" + text + "}\n");
}

TEST(BadValues, TheGoodConfigurationIsGood) {
  EXPECT_THAT(mistake_in(kGoodConfig), IsEmpty());
}

TEST(BadValues, MisspeltKeyNamesPlacePathAndNearestKey) {
  EXPECT_THAT(
      mistake_in(good_config_with("learning_rate", "learnign_rate")),
      HasSubstr(
          "run.yaml:11:5: phases[0].learnign_rate: unknown key (did you mean 'learning_rate'?)"));
}

TEST(BadValues, UnknownKeyFarFromAnyOtherGetsNoSuggestion) {
  const std::string mistake = mistake_in(std::string(kGoodConfig) + "xylophone: 1\n");
  EXPECT_THAT(mistake, AllOf(HasSubstr("run.yaml:13:1: xylophone: unknown key"),
                             Not(HasSubstr("did you mean"))));
}

TEST(BadValues, DuplicateKeyNamesBothLines) {
  EXPECT_THAT(mistake_in(std::string(kGoodConfig) + "seed: 1\nseed: 2\n"),
              AllOf(HasSubstr("run.yaml:14:1: seed: key given twice"), HasSubstr("run.yaml:13:1")));
}

TEST(BadValues, DuplicateKeyInAFlowMapIsFound) {
  EXPECT_THAT(mistake_with_optimizer("name: lamb, adam_beta1: 0.9, name: adamw"),
              HasSubstr("optimizer.name: key given twice"));
}

TEST(BadValues, MissingRequiredKeyIsNamed) {
  EXPECT_THAT(mistake_in(good_config_with("    max_steps: 100\n", "")),
              HasSubstr("run.yaml:4:5: phases[0].max_steps: required key is missing"));
}

TEST(BadValues, MissingModelIsNamed) {
  EXPECT_THAT(
      mistake_in(good_config_with("model: {hidden_size: 128, num_attention_heads: 2}\n", "")),
      HasSubstr("model: required key is missing"));
}

TEST(BadValues, ExponentIsNoWholeNumber) {
  EXPECT_THAT(mistake_with_steps("1e4"),
              HasSubstr("run.yaml:10:16: phases[0].max_steps: found '1e4'"));
  EXPECT_THAT(mistake_with_steps("1e-4"), HasSubstr("expected a whole number"));
}

TEST(BadValues, FractionIsNotRounded) {
  EXPECT_THAT(mistake_with_steps("10.5"), HasSubstr("found '10.5'"));
}

TEST(BadValues, LeadingZeroIsRefused) {
  EXPECT_THAT(mistake_with_steps("010"),
              HasSubstr("found '010'; expected a whole number without leading zeros"));
  EXPECT_THAT(mistake_with_rate("00.5"), HasSubstr("without leading zeros"));
}

TEST(BadValues, UnderscoreInANumberIsRefused) {
  EXPECT_THAT(mistake_with_steps("1_000"), HasSubstr("found '1_000'"));
}

TEST(BadValues, HexadecimalIsRefused) {
  EXPECT_THAT(mistake_with_steps("0x10"), HasSubstr("found '0x10'"));
  EXPECT_THAT(mistake_with_rate("0x1p-3"), HasSubstr("found '0x1p-3'"));
}

TEST(BadValues, QuotedNumberIsRefused) {
  EXPECT_THAT(mistake_with_steps("'1'"),
              HasSubstr("the quoted text '1'; expected a whole number; remove the quotes"));
  EXPECT_THAT(mistake_with_rate("\"0.1\""), HasSubstr("remove the quotes"));
}

TEST(BadValues, NumberWithTrailingTextIsRefused) {
  EXPECT_THAT(mistake_with_steps("100 steps"), HasSubstr("found '100 steps'"));
  EXPECT_THAT(mistake_with_rate("0.1f"), HasSubstr("found '0.1f'"));
}

TEST(BadValues, OverflowIsNamed) {
  EXPECT_THAT(mistake_with_steps("99999999999999999999"),
              HasSubstr("of at most 9223372036854775807"));
  EXPECT_THAT(mistake_with_rate("1e999"), HasSubstr("found '1e999'"));
}

TEST(BadValues, NumberOutOfRangeNamesTheRange) {
  EXPECT_THAT(mistake_with_steps("-3"),
              HasSubstr("value -3 is out of range; expected 1 to 99999999"));
  EXPECT_THAT(mistake_with_rate("0"), HasSubstr("expected above 0"));
  EXPECT_THAT(mistake_with_optimizer("adam_beta1: 1.0"), HasSubstr("expected 0 to 1, 1 excluded"));
}

TEST(BadValues, NegativeSeedIsRefused) {
  EXPECT_THAT(mistake_in(std::string(kGoodConfig) + "seed: -1\n"),
              HasSubstr("a whole number from 0"));
}

TEST(BadValues, LargestSeedIsAccepted) {
  EXPECT_EQ(load_text(std::string(kGoodConfig) + "seed: 18446744073709551615\n").seed, UINT64_MAX);
}

TEST(BadValues, NotANumberIsRefused) {
  for (const char* value : {".nan", "nan", "NaN", ".NaN"}) {
    EXPECT_THAT(mistake_with_rate(value), HasSubstr("expected a finite number")) << value;
  }
}

TEST(BadValues, InfinityIsRefusedWhereItMeansNothing) {
  for (const char* value : {".inf", "-.inf", "inf", "infinity", "-inf", ".Inf"}) {
    EXPECT_THAT(mistake_with_rate(value), HasSubstr("expected a finite number")) << value;
  }
}

TEST(BadValues, InfinityIsAcceptedWhereItMeansNoLimit) {
  const RunConfig config =
      load_text(std::string(kGoodConfig) + "optimizer: {trust_ratio_max: .inf}\n");
  EXPECT_EQ(config.optimizer.trust_ratio_max, std::numeric_limits<double>::infinity());
}

TEST(BadValues, OnlyTrueAndFalseAreBooleans) {
  for (const char* value : {"yes", "no", "on", "True", "1", "'true'", "~"}) {
    EXPECT_THAT(mistake_with_optimizer(std::string("bias_correction: ") + value),
                HasSubstr("expected true or false"))
        << value;
  }
}

TEST(BadValues, UnknownChoiceListsAllChoicesAndTheNearest) {
  EXPECT_THAT(
      mistake_in(std::string(kGoodConfig) + "precision: bf61\n"),
      HasSubstr(
          "precision: found 'bf61'; expected one of fp32, bf16, fp16 (did you mean 'bf16'?)"));
}

TEST(BadValues, BackendIsWrittenAuto) {
  EXPECT_THAT(mistake_in(std::string(kGoodConfig) + "communication: {backend: automatic}\n"),
              HasSubstr("expected one of auto, single, mpi, nccl"));
  EXPECT_EQ(load_text(std::string(kGoodConfig) + "communication: {backend: auto}\n")
                .communication.backend,
            Backend::automatic);
}

TEST(BadValues, SumsMachineByMachineAreWrittenAutoTrueOrFalse) {
  const auto written = [](const std::string& value) {
    return load_text(std::string(kGoodConfig) + "communication: {hierarchical: " + value + "}\n")
        .communication.hierarchical;
  };
  EXPECT_EQ(written("auto"), AutoFlag::automatic);
  EXPECT_EQ(written("true"), AutoFlag::on);
  EXPECT_EQ(written("false"), AutoFlag::off);
}

TEST(BadValues, WhatNcclDoesNotDoIsRefusedWithIt) {
  EXPECT_THAT(
      mistake_in(std::string(kGoodConfig) + "communication: {backend: nccl, hierarchical: true}\n"),
      HasSubstr("NCCL chooses between flat and hierarchical sums itself"));
  EXPECT_THAT(
      mistake_in(std::string(kGoodConfig) + "communication: {backend: nccl, error_feedback: true, "
                                            "all_reduce_dtype: bfloat16}\n"),
      HasSubstr("nothing can be fed back"));
}

TEST(BadValues, MapInPlaceOfAValueIsNamed) {
  EXPECT_THAT(mistake_with_steps("{a: 1}"), HasSubstr("found a map; expected a whole number"));
}

TEST(BadValues, ValueInPlaceOfAMapIsNamed) {
  EXPECT_THAT(mistake_in(std::string(kGoodConfig) + "optimizer: lamb\n"),
              HasSubstr("optimizer: found 'lamb'; expected a map of keys"));
  EXPECT_THAT(mistake_in(std::string(kGoodConfig) + "optimizer:\n"), HasSubstr("found nothing"));
}

TEST(BadValues, EmptyListOfPhasesIsRefused) {
  EXPECT_THAT(mistake_in("output_dir: x\nmodel: {hidden_size: 24}\nphases: []\n"),
              HasSubstr("run.yaml:3:9: phases: found an empty list"));
}

TEST(BadValues, TextInPlaceOfAListIsNamed) {
  EXPECT_THAT(mistake_in(std::string(kGoodConfig) + "logging: {report_to: tensorboard}\n"),
              HasSubstr("expected a list, like [\"tensorboard\"]"));
}

TEST(BadValues, EmptyRequiredTextIsRefused) {
  EXPECT_THAT(mistake_in(good_config_with("output_dir: runs/test", "output_dir: ''")),
              HasSubstr("output_dir: is empty"));
  EXPECT_THAT(mistake_in(good_config_with("output_dir: runs/test", "output_dir: ~")),
              HasSubstr("found nothing"));
}

TEST(BadValues, ControlCharacterInQuotedTextIsRefused) {
  EXPECT_THAT(mistake_in(good_config_with("output_dir: runs/test", "output_dir: \"a\\0b\"")),
              HasSubstr("without control characters"));
}

TEST(BadValues, AllMistakesAreReportedAtOnce) {
  std::string text = good_config_with("max_steps: 100", "max_steps: many");
  text += "sede: 1\nprecision: fp8\n";
  EXPECT_THAT(mistake_in(text),
              AllOf(HasSubstr("3 mistakes"), HasSubstr("run.yaml:10:16: phases[0].max_steps"),
                    HasSubstr("run.yaml:13:1: sede: unknown key (did you mean 'seed'?)"),
                    HasSubstr("run.yaml:14:12: precision")));
}

TEST(BadValues, ThousandMistakesAreCutToAReadableList) {
  std::string text = kGoodConfig;
  for (int index = 0; index < 1000; ++index) {
    text += "wrong" + std::to_string(index) + ": 1\n";
  }
  EXPECT_THAT(mistake_in(text), AllOf(HasSubstr("1000 mistakes"), HasSubstr("and 950 more")));
}

}  // namespace
}  // namespace lambert
