// SPDX-License-Identifier: Apache-2.0
#include "train/step_prediction.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lambert {
namespace {

RunConfig small_config() {
  RunConfig config;
  config.model = {.vocab_size = 100,
                  .hidden_size = 10,
                  .num_hidden_layers = 1,
                  .num_attention_heads = 2,
                  .intermediate_size = 40};
  PhaseConfig phase;
  phase.name = "only";
  phase.max_seq_length = 5;
  phase.global_train_batch_size = 8;
  phase.per_device_train_batch_size = 2;
  config.phases = {phase};
  return config;
}

double value_of(const std::string& line, const std::string& key) {
  const std::size_t position = line.find(" " + key + "=");
  EXPECT_NE(position, std::string::npos) << key << " in " << line;
  return position == std::string::npos ? -1.0 : std::stod(line.substr(position + key.size() + 2));
}

TEST(StepPrediction, IsSaidOnceAfterTwentyStepsAgainstTheMedianStep) {
  const RunConfig config = small_config();
  StepPrediction prediction(config, {.ranks = 1, .matmul = 1000, .copy = 1e30});
  const Workload work = workload_of(8, 5, 1);
  for (int step = 1; step < 20; ++step) {
    // The first is slow, the others take 2 to 20 seconds.
    EXPECT_FALSE(prediction.add(config.phases[0], work, step == 1 ? 1000.0 : step)) << step;
  }
  const std::optional<std::string> line = prediction.add(config.phases[0], work, 20.0);
  ASSERT_TRUE(line);
  EXPECT_THAT(*line, testing::StartsWith("prediction steps=20 "));
  EXPECT_EQ(value_of(*line, "measured_step_seconds"), 11.5);  // between 11 and 12
  // Four micro-batches: 40 tokens x 7,200 + 3 x (8 masked x 2,200 + 8 sequences x 240) = 346,560
  // operations at 1,000/s, and attention 200 pairs x 120 = 24,000 at half of that.
  EXPECT_NEAR(value_of(*line, "products"), 346.56, 0.05);
  EXPECT_NEAR(value_of(*line, "attention"), 48.0, 0.01);
  EXPECT_NEAR(value_of(*line, "predicted_step_seconds"), 394.6, 0.05);
  EXPECT_NEAR(value_of(*line, "measured_over_predicted"), 11.5 / 394.6, 1e-4);
  EXPECT_FALSE(prediction.add(config.phases[0], work, 1.0));
}

TEST(StepPrediction, OfTwoRanksSharesTheWorkAndReducesTheGradients) {
  RunConfig config = small_config();
  config.communication.bucket_megabytes = 1e-3;
  StepPrediction prediction(config, {.ranks = 2, .matmul = 2000, .copy = 1e30, .all_reduce = 100});
  std::optional<std::string> line;
  for (int step = 0; step < 20; ++step) {
    line = prediction.add(config.phases[0], workload_of(8, 5, 1), 1.0);
  }
  ASSERT_TRUE(line);
  EXPECT_NEAR(value_of(*line, "products"), 346.56 / 2.0, 0.05);
  // The word embeddings are 1,000 gradients of 4 bytes, and 2 x 1/2 of them go over the wire; the
  // backward pass of a micro-batch is long enough for what else there is.
  EXPECT_GE(value_of(*line, "exposed_reduce"), 40.0);
}

}  // namespace
}  // namespace lambert
