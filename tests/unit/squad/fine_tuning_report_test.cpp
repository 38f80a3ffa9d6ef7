// SPDX-License-Identifier: Apache-2.0
#include "squad/fine_tuning_report.h"

#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/temp_directory.h"

namespace lambert {
namespace {

TEST(FineTuningReport, LeavesARecordForEveryStep) {
  const TempDirectory folder;
  const auto file_system = make_posix_file_system();
  const LoggingConfig logging = {.logging_steps = 2, .report_to = {}};
  MetricsLog metrics(*file_system, folder.path(), logging, 0);
  FineTuningReport report(metrics, logging, 7, 3);
  TrainState state;
  for (state.global_step = 1; state.global_step <= 3; ++state.global_step) {
    state.step_in_phase = state.global_step;
    report.step(
        state,
        {.loss = 2.5, .learning_rate = 1e-5, .gradient_norm = 3.0, .windows = 8.0, .seconds = 0.5});
  }
  std::ifstream file(folder / "metrics.jsonl");
  int step = 0;
  for (std::string line; std::getline(file, line);) {
    const nlohmann::json record = nlohmann::json::parse(line);
    EXPECT_EQ(record["global_step"], ++step);
    EXPECT_EQ(record["phase"], "seed-7");
    EXPECT_EQ(record["loss"], 2.5);
    EXPECT_EQ(record["sequences_per_second"], 16.0);
  }
  EXPECT_EQ(step, 3);
}

}  // namespace
}  // namespace lambert
