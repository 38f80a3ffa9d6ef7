// SPDX-License-Identifier: Apache-2.0
#include "cluster/model_work.h"

#include <gtest/gtest.h>

namespace lambert {
namespace {

ModelConfig bert_large() {
  ModelConfig model;
  model.vocab_size = 30522;
  model.hidden_size = 1024;
  model.num_hidden_layers = 24;
  model.num_attention_heads = 16;
  model.intermediate_size = 4096;
  return model;
}

TEST(ModelWork, OfBertLargeIsWhatHandCountingGives) {
  EXPECT_NEAR(model_operations(bert_large(), workload_of(1, 128, 20)) / 1e9, 240.6, 0.1);
  EXPECT_NEAR(model_operations(bert_large(), workload_of(1, 512, 80)) / 1e9, 1020.5, 0.1);
}

TEST(ModelWork, ThatRemainsIsNothingAfterTheLastStep) {
  RunConfig config;
  config.model = bert_large();
  config.phases.resize(2);
  for (PhaseConfig& phase : config.phases) {
    phase.max_seq_length = 128;
    phase.max_predictions_per_seq = 20;
    phase.global_train_batch_size = 8;
    phase.max_steps = 10;
  }
  EXPECT_EQ(remaining_operations(config, 1, 10), 0.0);
  EXPECT_DOUBLE_EQ(remaining_operations(config, 0, 0), 4.0 * remaining_operations(config, 1, 5));
}

}  // namespace
}  // namespace lambert
