// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "unit/config/config_file.h"

namespace lambert {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(Overrides, ReplaceAValueOfTheFile) {
  EXPECT_EQ(load_text(kGoodConfig, {"phases[0].max_steps=10"}).phases[0].max_steps, 10);
  EXPECT_EQ(load_text(kGoodConfig, {"output_dir=runs/other"}).output_dir, "runs/other");
}

TEST(Overrides, SetAValueThatTheFileLeavesOut) {
  const RunConfig config =
      load_text(kGoodConfig, {"optimizer.adam_beta2=0.98", "evaluation.data=data/held-out"});
  EXPECT_EQ(config.optimizer.adam_beta2, 0.98);
  EXPECT_EQ(config.evaluation.data, "data/held-out");
}

TEST(Overrides, TheLastOfTwoCounts) {
  EXPECT_EQ(load_text(kGoodConfig, {"seed=1", "seed=2"}).seed, 2U);
}

TEST(Overrides, ReplaceAList) {
  EXPECT_TRUE(load_text(kGoodConfig, {"logging.report_to=[]"}).logging.report_to.empty());
}

TEST(Overrides, WrongValueNamesTheOverrideAndNotTheFile) {
  EXPECT_THAT(
      mistake_in(kGoodConfig, {"phases[0].max_steps=ten"}),
      AllOf(HasSubstr("override 'phases[0].max_steps=ten': phases[0].max_steps: found 'ten'"),
            Not(HasSubstr("run.yaml"))));
}

TEST(Overrides, UnknownKeyNamesTheOverrideAndTheNearestKey) {
  EXPECT_THAT(mistake_in(kGoodConfig, {"phases[0].learnign_rate=1"}),
              HasSubstr("override 'phases[0].learnign_rate=1': phases[0].learnign_rate: unknown "
                        "key (did you mean 'learning_rate'?)"));
}

TEST(Overrides, BrokenRuleNamesTheOverride) {
  EXPECT_THAT(mistake_in(kGoodConfig, {"phases[0].warmup_steps=200"}),
              HasSubstr("override 'phases[0].warmup_steps=200': phases[0].warmup_steps: 200 is "
                        "above max_steps 100"));
}

TEST(Overrides, MissingListEntryIsNamed) {
  EXPECT_THAT(mistake_in(kGoodConfig, {"phases[1].max_steps=1"}),
              HasSubstr("phases[1]: there is no such entry; the configuration has 1"));
}

TEST(Overrides, ListWithoutAnIndexIsNamed) {
  EXPECT_THAT(mistake_in(kGoodConfig, {"phases.max_steps=1"}),
              HasSubstr("phases: is a list; name the entry, like phases[0]"));
}

TEST(Overrides, ValueWithoutKeysIsNamed) {
  EXPECT_THAT(mistake_in(kGoodConfig, {"output_dir.name=1"}), HasSubstr("output_dir: has no keys"));
}

TEST(Overrides, TextThatIsNoOverrideIsRefused) {
  for (const char* text : {"seed", "=1", "a..b=1", "phases[=1", "phases[x].name=1", "phases[0]x=1",
                           "phases[-1].name=1", ""}) {
    EXPECT_THAT(mistake_in(kGoodConfig, {text}), HasSubstr("expected key=value")) << text;
  }
}

TEST(Overrides, WrongYamlNamesTheOverride) {
  EXPECT_THAT(mistake_in(kGoodConfig, {"seed=[1"}), HasSubstr("override 'seed=[1'"));
  EXPECT_THAT(mistake_in(kGoodConfig, {"output_dir=&a x"}),
              HasSubstr("override 'output_dir=&a x': anchor"));
}

TEST(Overrides, EmptyValueIsRefused) {
  EXPECT_THAT(mistake_in(kGoodConfig, {"seed="}), HasSubstr("found nothing"));
}

}  // namespace
}  // namespace lambert
