// SPDX-License-Identifier: Apache-2.0
#include "train/metrics_log.h"

#include <fstream>

#include <gtest/gtest.h>

#include "support/temp_directory.h"

namespace lambert {
namespace {

std::string content_of(const std::filesystem::path& path) {
  return read_file(path, 1 << 20);
}

TEST(MetricsLog, CutsBackToTheStepOfTheCheckpointAndDropsATornLine) {
  const TempDirectory folder;
  const auto file_system = make_posix_file_system();
  std::ofstream(folder / "metrics.jsonl")
      << "{\"global_step\":1,\"loss\":2}\n{\"global_step\":2,\"loss\":1}\n"
      << "{\"global_step\":2,\"eval_loss\":1}\n{\"global_step\":3}\n{\"glob";
  const MetricsLog log(*file_system, folder.path(), {.report_to = {}}, 2);
  EXPECT_EQ(content_of(folder / "metrics.jsonl"),
            "{\"global_step\":1,\"loss\":2}\n{\"global_step\":2,\"loss\":1}\n{\"global_step\":2,"
            "\"eval_loss\":1}\n");
}

TEST(MetricsLog, KnowsWhatTheLastStepHadARecordOf) {
  const TempDirectory folder;
  const auto file_system = make_posix_file_system();
  std::ofstream(folder / "metrics.jsonl")
      << "{\"global_step\":1,\"squad_f1\":2}\n{\"global_step\":2,\"loss\":1}\n"
      << "{\"global_step\":2,\"eval_loss\":1}\n{\"global_step\":3,\"squad_f1\":2}\n";
  const MetricsLog log(*file_system, folder.path(), {.report_to = {}}, 2);
  EXPECT_TRUE(log.had("eval_loss"));
  EXPECT_FALSE(log.had("squad_f1"));
}

TEST(MetricsLog, OfANewRunForgetsTheRecordsOfAnEarlierOne) {
  const TempDirectory folder;
  const auto file_system = make_posix_file_system();
  std::ofstream(folder / "metrics.jsonl") << "{\"global_step\":1}\n";
  const MetricsLog log(*file_system, folder.path(), {.report_to = {}}, 0);
  EXPECT_EQ(content_of(folder / "metrics.jsonl"), "");
}

TEST(MetricsLog, AppendsOneLinePerRecord) {
  const TempDirectory folder;
  const auto file_system = make_posix_file_system();
  MetricsLog log(*file_system, folder.path(), {.report_to = {}}, 0);
  StepMetrics metrics;
  metrics.state.global_step = 1;
  log.record(metrics);
  log.record(metrics.state, "short", {{"eval_loss", 1.5}});
  EXPECT_EQ(content_of(folder / "metrics.jsonl"),
            step_record(metrics) + "\n" +
                evaluation_record(metrics.state, "short", {{"eval_loss", 1.5}}) + "\n");
}

TEST(MetricsLog, TakesStepsOfAnotherTraining) {
  const TempDirectory folder;
  const auto file_system = make_posix_file_system();
  MetricsLog log(*file_system, folder.path(), {.report_to = {}}, 0);
  TrainState state;
  state.global_step = 1;
  log.record_step(state, "seed-1", {{"loss", 1.5}, {"learning_rate", 0.5}});
  EXPECT_EQ(content_of(folder / "metrics.jsonl"),
            "{\"global_step\":1,\"phase\":\"seed-1\",\"step_in_phase\":0,\"loss\":1.5,"
            "\"learning_rate\":0.5}\n");
}

TEST(MetricsLog, GoesOnWhenTheDirectoryIsGone) {
  const TempDirectory folder;
  const auto file_system = make_posix_file_system();
  file_system->create_directory(folder / "run");
  MetricsLog log(*file_system, folder / "run", {.report_to = {}}, 0);
  file_system->remove_all(folder / "run");
  log.record(StepMetrics{});
  EXPECT_EQ(log.lost_records(), 1);
}

TEST(MetricsLog, OfAnotherRankWritesNothing) {
  MetricsLog log;
  log.record(StepMetrics{});
  EXPECT_EQ(log.lost_records(), 0);
}

}  // namespace
}  // namespace lambert
