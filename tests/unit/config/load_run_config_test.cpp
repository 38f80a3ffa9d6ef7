// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>

#include "unit/config/config_file.h"

namespace lambert {
namespace {

const std::filesystem::path kConfigs = std::filesystem::path(LAMBERT_SOURCE_DIRECTORY) / "configs";

TEST(LoadRunConfig, KeysLeftOutKeepTheirDefaults) {
  const RunConfig config = load_text(kGoodConfig);
  EXPECT_EQ(config.seed, 42U);
  EXPECT_EQ(config.optimizer.adam_beta2, 0.999);
  EXPECT_EQ(config.phases[0].lr_decay_origin, LrDecayOrigin::phase_start);
  EXPECT_EQ(config.model.num_hidden_layers, 12);
}

TEST(LoadRunConfig, ReadsThePublishedRecipe) {
  const RunConfig config = load_run_config(kConfigs / "bert_large_64k.yaml", {});
  ASSERT_EQ(config.phases.size(), 2U);
  EXPECT_EQ(config.model.hidden_act, Activation::gelu_new);
  EXPECT_EQ(config.precision, Precision::bf16);
  EXPECT_EQ(config.phases[0].global_train_batch_size, 65536);
  EXPECT_EQ(config.phases[0].max_steps, 7038);
  EXPECT_EQ(config.phases[0].learning_rate, 6e-3);
  EXPECT_EQ(config.phases[0].warmup_steps, 2001);
  EXPECT_EQ(config.phases[0].lr_decay_power, 0.5);
  EXPECT_EQ(config.phases[1].global_train_batch_size, 32768);
  EXPECT_EQ(config.phases[1].max_steps, 1563);
  EXPECT_EQ(config.phases[1].moments, MomentsAtPhaseStart::keep);
}

TEST(LoadRunConfig, ThirtyTwoThousandRecipeHasThePapersSteps) {
  const RunConfig config = load_run_config(kConfigs / "bert_large_32k.yaml", {});
  EXPECT_EQ(config.phases[0].max_steps + config.phases[1].max_steps, 15625);
  EXPECT_EQ(config.phases[0].warmup_steps, 3125);
}

TEST(WriteRunConfig, LoadsUnchanged) {
  for (const char* name : {"bert_large_64k.yaml", "bert_large_32k.yaml", "bert_base.yaml",
                           "bert_mini.yaml", "bert_tiny.yaml"}) {
    const std::string written = write_run_config(load_run_config(kConfigs / name, {}));
    EXPECT_EQ(write_run_config(load_text(written)), written) << name;
  }
}

TEST(WriteRunConfig, KeepsEveryChoiceAndDigit) {
  RunConfig config = load_text(kGoodConfig);
  config.output_dir = "a \"quoted\" \\ path: # \xC3\xA9";
  config.seed = UINT64_MAX;
  config.optimizer.adam_epsilon = 1.0 / 3.0;
  config.optimizer.trust_ratio_max = 10.0;
  config.optimizer.bias_correction = false;
  config.optimizer.weight_decay_exclude = {};
  config.communication.backend = Backend::automatic;
  config.communication.all_reduce_dtype = WireType::bfloat16;
  config.loss_normalization = LossNormalization::per_micro_batch;
  config.phases[0].lr_decay_origin = LrDecayOrigin::warmup_end;
  const RunConfig loaded = load_text(write_run_config(config));
  EXPECT_EQ(loaded.output_dir, config.output_dir);
  EXPECT_EQ(loaded.seed, config.seed);
  EXPECT_EQ(loaded.optimizer.adam_epsilon, config.optimizer.adam_epsilon);
  EXPECT_EQ(loaded.optimizer.weight_norm_max, std::numeric_limits<double>::infinity());
  EXPECT_FALSE(loaded.optimizer.bias_correction);
  EXPECT_TRUE(loaded.optimizer.weight_decay_exclude.empty());
  EXPECT_EQ(loaded.communication.all_reduce_dtype, WireType::bfloat16);
  EXPECT_EQ(loaded.loss_normalization, LossNormalization::per_micro_batch);
  EXPECT_EQ(loaded.phases[0].lr_decay_origin, LrDecayOrigin::warmup_end);
  EXPECT_EQ(write_run_config(loaded), write_run_config(config));
}

TEST(DescribeRunConfigKeys, IsTheReadmeOfTheConfigs) {
  std::ifstream file(kConfigs / "README.md", std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), describe_run_config_keys())
      << "run: lambert config reference > configs/README.md";
}

TEST(DescribeRunConfigKeys, ListsDefaultAndRange) {
  EXPECT_THAT(
      describe_run_config_keys(),
      testing::HasSubstr("| `optimizer.adam_beta1` | `0.9` | number, 0 to 1, 1 excluded |"));
  EXPECT_THAT(describe_run_config_keys(),
              testing::HasSubstr("| `phases[i].max_steps` | required |"));
}

}  // namespace
}  // namespace lambert
