// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "data/batch_stream.h"
#include "unit/data/shard_file.h"

namespace lambert {
namespace {

class EvaluationStreamTest : public testing::Test {
 protected:
  EvaluationStreamTest() {
    make_tiny_dataset(folder_.path(), 30, 40);
    evaluation_.data = folder_.path().string();
  }

  TempDirectory folder_;
  EvaluationConfig evaluation_;
};

TEST_F(EvaluationStreamTest, TakesTheFirstExamplesInStoredOrder) {
  evaluation_.max_eval_samples = 20;
  EvaluationStream stream(evaluation_, 1);
  EXPECT_EQ(stream.sample_count(), 20);
  Batch batch = stream.read(3, 5);
  for (std::size_t i = 0; i < batch.masked_positions.size(); ++i) {
    batch.input_ids[static_cast<std::size_t>(batch.masked_positions[i])] = batch.masked_labels[i];
  }
  std::vector<std::int32_t> expected;
  for (std::int64_t row = 0; row < 5; ++row) {
    const Example example = tiny_example(3 + row, stream.dataset(), 1);
    expected.insert(expected.end(), example.token_ids.begin(), example.token_ids.end());
  }
  EXPECT_EQ(batch.input_ids, expected);
  EXPECT_THROW(stream.read(16, 5), InternalError);
}

TEST_F(EvaluationStreamTest, GivesTheSameMasksHoweverItIsCutIntoBatches) {
  EvaluationStream stream(evaluation_, 1);
  EXPECT_EQ(stream.sample_count(), 30);
  const Batch whole = stream.read(0, 30);
  std::vector<std::int32_t> pieces;
  for (std::int64_t first = 0; first < 30; first += 10) {
    const Batch batch = EvaluationStream(evaluation_, 1).read(first, 10);
    pieces.insert(pieces.end(), batch.input_ids.begin(), batch.input_ids.end());
  }
  EXPECT_EQ(whole.input_ids, pieces);
  EXPECT_NE(whole.input_ids, EvaluationStream(evaluation_, 2).read(0, 30).input_ids);
}

TEST_F(EvaluationStreamTest, SharesNoMasksWithTheTrainingPhases) {
  PhaseConfig phase;
  phase.data = evaluation_.data;
  phase.max_seq_length = 40;
  phase.max_predictions_per_seq = 6;
  phase.global_train_batch_size = 30;
  const Batch held_out = EvaluationStream(evaluation_, 1).read(0, 30);
  for (const std::int64_t phase_index : {0, 1}) {
    BatchStream training(phase, phase_index, 1, {.micro_batch = 30, .accumulation = 1, .ranks = 1},
                         0);
    EXPECT_NE(training.read_step(0).micro_batches.front().masked_positions,
              held_out.masked_positions);
  }
}

}  // namespace
}  // namespace lambert
