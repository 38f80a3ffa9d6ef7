// SPDX-License-Identifier: Apache-2.0
#include "config/load_squad_config.h"

#include <filesystem>

#include <gmock/gmock.h>

#include "unit/config/config_file.h"

namespace lambert {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::filesystem::path kConfigs = std::filesystem::path(LAMBERT_SOURCE_DIRECTORY) / "configs";

constexpr const char* kGood =
    "output_dir: runs/squad\n"  // 1
    "init_from: runs/bert\n"    // 2
    "train: train.json\n";      // 3

SquadConfig load_squad_text(const std::string& text) {
  const ConfigFile file(text);
  return load_squad_config(file.path(), {});
}

/// The message about kGood with more lines; "" when there is none.
std::string squad_mistake_with(const std::string& lines) {
  try {
    load_squad_text(kGood + lines);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(LoadSquadConfig, ReadsThePublishedRecipe) {
  const SquadConfig config = load_squad_config(kConfigs / "squad_v1.yaml", {});
  EXPECT_EQ(config.version, SquadVersion::v1_1);
  EXPECT_EQ(config.max_seq_length, 384);
  EXPECT_EQ(config.doc_stride, 128);
  EXPECT_EQ(config.max_query_length, 64);
  EXPECT_EQ(config.max_answer_length, 30);
  EXPECT_EQ(config.n_best_size, 20);
  EXPECT_EQ(config.global_train_batch_size, 32);
  EXPECT_EQ(config.num_train_epochs, 2.0);
  EXPECT_EQ(config.learning_rate, 3e-5);
  EXPECT_EQ(config.warmup_steps, 0.1);
  EXPECT_EQ(config.optimizer.name, OptimizerName::adamw);
  EXPECT_THAT(config.seeds, ElementsAre(1, 2, 3, 4, 5));
}

TEST(LoadSquadConfig, RefusesFp16WhichNeedsLossScaling) {
  EXPECT_THAT(squad_mistake_with("precision: fp16\n"),
              HasSubstr("precision: fp16 needs loss scaling, which is for `lambert train`"));
  EXPECT_THAT(squad_mistake_with("precision: bf16\n"), IsEmpty());
}

TEST(LoadSquadConfig, KeysLeftOutKeepTheRecipesDefaults) {
  const SquadConfig config = load_squad_text(kGood);
  EXPECT_EQ(config.max_seq_length, 384);
  EXPECT_EQ(config.optimizer.name, OptimizerName::adamw);
  EXPECT_EQ(config.optimizer.adam_epsilon, 1e-6);
  EXPECT_EQ(config.optimizer.weight_decay, 0.01);
}

TEST(LoadSquadConfig, ReadsTheVersion) {
  EXPECT_EQ(load_squad_text(std::string(kGood) + "version: 2.0\n").version, SquadVersion::v2_0);
  EXPECT_THAT(squad_mistake_with("version: 3.0\n"), AllOf(HasSubstr("version"), HasSubstr("2.0")));
}

TEST(LoadSquadConfig, ListsEveryMistake) {
  EXPECT_THAT(
      squad_mistake_with("seeds: []\nlearnign_rate: 1\ndoc_stride: 0\nwarmup_steps: 1.5\n"),
      AllOf(HasSubstr("run.yaml:4:8: seeds: is empty"), HasSubstr("learnign_rate: unknown key"),
            HasSubstr("'learning_rate'"), HasSubstr("run.yaml:6:13: doc_stride"),
            HasSubstr("warmup_steps: 1.5 is neither a whole number nor a share below 1")));
}

TEST(LoadSquadConfig, WantsTheFilesToStartFrom) {
  try {
    load_squad_text("seeds: [1]\n");
    ADD_FAILURE() << "taken";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("output_dir"), HasSubstr("init_from"), HasSubstr("train")));
  }
}

TEST(LoadSquadConfig, RefusesASeedTwice) {
  EXPECT_THAT(squad_mistake_with("seeds: [1, 2, 1]\n"),
              HasSubstr("run.yaml:4:8: seeds: holds a number twice"));
}

TEST(LoadSquadConfig, LeavesRoomForTheParagraph) {
  EXPECT_THAT(squad_mistake_with("max_seq_length: 64\nmax_query_length: 57\n"),
              HasSubstr("max_query_length: leaves less than 5 tokens of 64 (max_seq_length) for "
                        "the paragraph; use at most 56"));
  EXPECT_THAT(squad_mistake_with("max_seq_length: 64\nmax_query_length: 56\n"), IsEmpty());
}

TEST(LoadSquadConfig, HasTheRulesOfSharedSections) {
  EXPECT_THAT(squad_mistake_with("communication: {reduction: reproducible}\n"),
              HasSubstr("threads_per_rank: 0 = as many as the machine has"));
  EXPECT_THAT(squad_mistake_with("optimizer: {name: adamw, lars_coefficient: 0.5}\n"),
              HasSubstr("optimizer.lars_coefficient: has no effect with optimizer.name: adamw"));
  EXPECT_THAT(squad_mistake_with("logging: {report_to: [wandb]}\n"),
              HasSubstr("logging.report_to: found 'wandb'"));
}

TEST(LoadSquadConfig, RefusesRecordsThatFineTuningDoesNotMake) {
  EXPECT_THAT(squad_mistake_with("logging: {log_lamb_table: true, log_sample_hashes: true}\n"),
              AllOf(HasSubstr("logging.log_lamb_table: has no effect in fine-tuning"),
                    HasSubstr("logging.log_sample_hashes: has no effect in fine-tuning")));
}

TEST(WriteSquadConfig, LoadsUnchanged) {
  const std::string written = write_squad_config(load_squad_config(kConfigs / "squad_v1.yaml", {}));
  EXPECT_EQ(write_squad_config(load_squad_text(written)), written);
}

TEST(Configs, AllLoad) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kConfigs)) {
    if (entry.path().extension() == ".yaml") {
      if (entry.path().filename().string().starts_with("squad_")) {
        EXPECT_NO_THROW(load_squad_config(entry.path(), {})) << entry.path();
      } else {
        EXPECT_NO_THROW(load_run_config(entry.path(), {})) << entry.path();
      }
      ++count;
    }
  }
  EXPECT_GE(count, 6);
}

}  // namespace
}  // namespace lambert
