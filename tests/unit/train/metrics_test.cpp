// SPDX-License-Identifier: Apache-2.0
#include "train/metrics.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace lambert {
namespace {

StepMetrics example() {
  StepMetrics metrics;
  metrics.state = {
      .global_step = 1207, .phase_index = 0, .step_in_phase = 1200, .samples_seen = 99};
  metrics.phase = "seq128";
  metrics.loss = 2.4131;
  metrics.mlm_loss = 2.01;
  metrics.nsp_loss = 0.4031;
  metrics.learning_rate = 5.83e-3;
  metrics.gradient_norm = 0.71;
  return metrics;
}

TEST(Metrics, RecordKeepsEveryBitOfTheLoss) {
  StepMetrics metrics = example();
  metrics.loss = 1.0 / 3.0;
  EXPECT_EQ(nlohmann::json::parse(step_record(metrics))["loss"].get<double>(), 1.0 / 3.0);
}

TEST(Metrics, RecordWritesNotANumberAsText) {
  StepMetrics metrics = example();
  metrics.loss = std::nan("");
  metrics.gradient_norm = std::numeric_limits<double>::infinity();
  const nlohmann::json record = nlohmann::json::parse(step_record(metrics));
  EXPECT_EQ(record["loss"], "nan");
  EXPECT_EQ(record["gradient_norm"], "inf");
}

TEST(Metrics, RecordHasASampleHashOnlyWhenThereIsOne) {
  StepMetrics metrics = example();
  EXPECT_FALSE(nlohmann::json::parse(step_record(metrics)).contains("sample_hash"));
  metrics.hashes = StepHashes{"00ff", "01", "02"};
  EXPECT_EQ(nlohmann::json::parse(step_record(metrics))["sample_hash"], "00ff");
}

TEST(Metrics, ConsoleLineReadsAsDocumented) {
  const ConsoleFigures figures{.max_steps = 7038,
                               .sequences_per_second = 14213.0,
                               .matmul_share = 0.46,
                               .data_wait_share = 0.004,
                               .exposed_reduce_share = 0.012,
                               .remaining_seconds = 10260.0};
  EXPECT_EQ(console_line(example(), figures),
            "step 1200/7038 (17.1%) phase seq128 loss 2.413 mlm 2.010 nsp 0.403 lr 5.83e-03 gnorm "
            "0.71 | 14.2k seq/s "
            "46% matmul | data-wait 0.4% exposed-reduce 1.2% | eta 2h51m");
}

TEST(Metrics, DurationsAreShort) {
  EXPECT_EQ(short_duration(43.2), "43s");
  EXPECT_EQ(short_duration(725.0), "12m05s");
  EXPECT_EQ(short_duration(std::nan("")), "?");
}

}  // namespace
}  // namespace lambert
