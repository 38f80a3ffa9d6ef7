// SPDX-License-Identifier: Apache-2.0
#include "data/prefetcher.h"

#include <optional>

#include <gtest/gtest.h>

#include "unit/data/shard_file.h"

namespace lambert {
namespace {

class PrefetcherTest : public testing::Test {
 protected:
  PrefetcherTest() {
    make_tiny_dataset(folder_ / "data", 4000, 64);
    phase_.name = "tiny";
    phase_.data = (folder_ / "data").string();
    phase_.max_seq_length = 64;
    phase_.max_predictions_per_seq = 10;
    phase_.global_train_batch_size = 8;
  }

  BatchStream stream() const {
    return {phase_, 0, 1, {.micro_batch = 4, .accumulation = 2, .ranks = 1}, 0};
  }

  TempDirectory folder_;
  PhaseConfig phase_;
};

TEST_F(PrefetcherTest, GivesTheStepsInOrderFromTheFirst) {
  Prefetcher prefetcher(stream(), 5, 12);
  BatchStream direct = stream();
  for (std::int64_t step = 5; step < 12; ++step) {
    const StepBatch batch = prefetcher.next();
    EXPECT_EQ(batch.step_in_phase, step);
    EXPECT_EQ(batch.micro_batches[1].input_ids, direct.read_step(step).micro_batches[1].input_ids);
    EXPECT_GE(prefetcher.last_wait_seconds(), 0.0);
  }
  EXPECT_THROW(prefetcher.next(), InternalError);
  EXPECT_THROW(prefetcher.next(), InternalError);
}

TEST_F(PrefetcherTest, HandsOverTheReadersErrorAndKeepsDoingSo) {
  std::optional<Prefetcher> prefetcher;
  BatchStream opened = stream();
  std::filesystem::resize_file(folder_ / "data/shard-00000.bin", 10);
  std::filesystem::resize_file(folder_ / "data/shard-00001.bin", 10);
  prefetcher.emplace(std::move(opened), 0, 100);
  EXPECT_THROW(prefetcher->next(), DataError);
  EXPECT_THROW(prefetcher->next(), DataError);
}

TEST_F(PrefetcherTest, GoesAwayAtAnyMoment) {
  for (int taken = 0; taken < 4; ++taken) {
    Prefetcher prefetcher(stream(), 0, 1000000);
    for (int i = 0; i < taken; ++i) {
      prefetcher.next();
    }
  }
  const Prefetcher nothing_to_read(stream(), 3, 3);
}

}  // namespace
}  // namespace lambert
