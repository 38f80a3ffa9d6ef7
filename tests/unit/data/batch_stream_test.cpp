// SPDX-License-Identifier: Apache-2.0
#include "data/batch_stream.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "data/prepared_dataset.h"
#include "support/temp_directory.h"
#include "support/tiny_dataset.h"

namespace lambert {
namespace {

constexpr std::int64_t kExamples = 50;
constexpr std::int64_t kDataLength = 24;
constexpr std::int64_t kPhaseLength = 32;
constexpr std::uint64_t kSeed = 42;

class BatchStreamTest : public testing::Test {
 protected:
  BatchStreamTest() {
    make_tiny_dataset(folder_ / "data", kExamples, kDataLength);
    phase_.name = "tiny";
    phase_.data = (folder_ / "data").string();
    phase_.max_seq_length = kPhaseLength;
    phase_.max_predictions_per_seq = 5;
    phase_.global_train_batch_size = 24;
  }

  /// Micro-batches of one step over all ranks, in order.
  std::vector<Batch> read_step(const StepShape& shape, std::int64_t step) const {
    std::vector<Batch> all;
    for (int rank = 0; rank < shape.ranks; ++rank) {
      BatchStream stream(phase_, 1, kSeed, shape, rank);
      StepBatch part = stream.read_step(step);
      std::move(part.micro_batches.begin(), part.micro_batches.end(), std::back_inserter(all));
    }
    return all;
  }

  static std::vector<std::int32_t> all_ids(const std::vector<Batch>& batches) {
    std::vector<std::int32_t> ids;
    for (const Batch& batch : batches) {
      ids.insert(ids.end(), batch.input_ids.begin(), batch.input_ids.end());
      ids.insert(ids.end(), batch.lengths.begin(), batch.lengths.end());
    }
    return ids;
  }

  TempDirectory folder_;
  PhaseConfig phase_;
};

TEST_F(BatchStreamTest, GivesEveryRankCountTheSameMicroBatches) {
  std::vector<Batch> one_rank = read_step({.micro_batch = 4, .accumulation = 6, .ranks = 1}, 3);
  std::vector<Batch> three_ranks = read_step({.micro_batch = 4, .accumulation = 2, .ranks = 3}, 3);
  for (std::vector<Batch>* const batches : {&one_rank, &three_ranks}) {
    std::sort(batches->begin(), batches->end(), [](const Batch& left, const Batch& right) {
      return left.sample_numbers < right.sample_numbers;
    });
  }
  ASSERT_EQ(one_rank.size(), 6U);
  ASSERT_EQ(three_ranks.size(), 6U);
  for (std::size_t i = 0; i < one_rank.size(); ++i) {
    EXPECT_EQ(one_rank[i].sample_numbers, three_ranks[i].sample_numbers);
    EXPECT_EQ(one_rank[i].input_ids, three_ranks[i].input_ids);
    EXPECT_EQ(one_rank[i].masked_positions, three_ranks[i].masked_positions);
    EXPECT_EQ(one_rank[i].masked_labels, three_ranks[i].masked_labels);
    EXPECT_EQ(one_rank[i].token_type_ids, three_ranks[i].token_type_ids);
  }
}

TEST_F(BatchStreamTest, DealsTheSamplesOfAStepToMicroBatchesAndRanksOfEvenTokenCounts) {
  const StepShape shape{.micro_batch = 3, .accumulation = 2, .ranks = 4};
  std::set<std::uint64_t> samples;
  std::vector<std::int64_t> of_rank;
  for (int rank = 0; rank < shape.ranks; ++rank) {
    const StepBatch step = BatchStream(phase_, 1, kSeed, shape, rank).read_step(2);
    of_rank.push_back(step.counts().tokens);
    for (const Batch& batch : step.micro_batches) {
      EXPECT_EQ(batch.lengths.size(), 3U);
      samples.insert(batch.sample_numbers.begin(), batch.sample_numbers.end());
    }
  }
  EXPECT_EQ(samples.size(), 24U);
  EXPECT_EQ(*samples.begin(), 2U * 24U);
  EXPECT_EQ(*samples.rbegin(), 3U * 24U - 1U);
  const auto [least, most] = std::minmax_element(of_rank.begin(), of_rank.end());
  EXPECT_LE(*most - *least, 12);  // half of the longest sequence
}

TEST_F(BatchStreamTest, IsAPureFunctionOfTheStep) {
  const StepShape shape{.micro_batch = 24, .accumulation = 1, .ranks = 1};
  BatchStream stream(phase_, 1, kSeed, shape, 0);
  const StepBatch early = stream.read_step(7);
  stream.read_step(0);
  const StepBatch again = stream.read_step(7);
  EXPECT_EQ(all_ids(early.micro_batches), all_ids(again.micro_batches));
  EXPECT_NE(all_ids(stream.read_step(8).micro_batches), all_ids(again.micro_batches));
}

TEST_F(BatchStreamTest, ReadsEveryExampleOnceInAnEpoch) {
  phase_.global_train_batch_size = kExamples;
  const StepShape shape{.micro_batch = kExamples, .accumulation = 1, .ranks = 1};
  BatchStream stream(phase_, 0, kSeed, shape, 0);
  PreparedDataset dataset(folder_ / "data");
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    const Batch batch = stream.read_step(epoch).micro_batches.front();
    std::multiset<std::vector<std::int32_t>> seen;
    std::multiset<std::vector<std::int32_t>> stored;
    std::vector<std::int32_t> unmasked = batch.input_ids;
    for (std::size_t i = 0; i < batch.masked_positions.size(); ++i) {
      unmasked[static_cast<std::size_t>(batch.masked_positions[i])] = batch.masked_labels[i];
    }
    auto begin = unmasked.begin();
    for (std::int64_t row = 0; row < kExamples; ++row) {
      const auto end = begin + batch.lengths[static_cast<std::size_t>(row)];
      seen.emplace(begin, end);
      stored.insert(dataset.read(row).token_ids);
      begin = end;
    }
    EXPECT_EQ(begin, unmasked.end());
    EXPECT_EQ(seen, stored) << "epoch " << epoch;
  }
}

TEST_F(BatchStreamTest, PutsSequencesOneAfterTheOtherAndMarksSegments) {
  const std::vector<Batch> batches =
      read_step({.micro_batch = 24, .accumulation = 1, .ranks = 1}, 0);
  const Batch& batch = batches.front();
  std::size_t begin = 0;
  for (const std::int32_t length : batch.lengths) {
    ASSERT_LE(length, kDataLength);
    const auto segments = batch.token_type_ids.begin() + static_cast<std::ptrdiff_t>(begin);
    EXPECT_EQ(*segments, 0);
    EXPECT_EQ(segments[length - 1], 1);
    EXPECT_TRUE(std::is_sorted(segments, segments + length));
    begin += static_cast<std::size_t>(length);
  }
  EXPECT_EQ(batch.input_ids.size(), begin);
  EXPECT_EQ(batch.token_type_ids.size(), begin);
}

TEST_F(BatchStreamTest, ChangesMasksWithTheSeedAndThePhase) {
  const StepShape shape{.micro_batch = 24, .accumulation = 1, .ranks = 1};
  const auto first_batch = [&](std::int64_t phase_index, std::uint64_t seed) {
    return BatchStream(phase_, phase_index, seed, shape, 0)
        .read_step(0)
        .micro_batches.front()
        .input_ids;
  };
  EXPECT_EQ(first_batch(0, 1), first_batch(0, 1));
  EXPECT_NE(first_batch(0, 1), first_batch(0, 2));
  EXPECT_NE(first_batch(0, 1), first_batch(1, 1));
}

TEST_F(BatchStreamTest, RefusesDataLongerThanThePhase) {
  phase_.max_seq_length = kDataLength - 1;
  EXPECT_THROW(read_step({.micro_batch = 24, .accumulation = 1, .ranks = 1}, 0), DataError);
}

TEST_F(BatchStreamTest, RefusesFewerExamplesThanOneGlobalBatchWithTheNumbers) {
  phase_.global_train_batch_size = 60;
  try {
    read_step({.micro_batch = 60, .accumulation = 1, .ranks = 1}, 0);
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("50"), testing::HasSubstr("60")));
  }
}

TEST_F(BatchStreamTest, CountsMaskedTokensOfAllMicroBatches) {
  BatchStream stream(phase_, 0, kSeed, {.micro_batch = 4, .accumulation = 6, .ranks = 1}, 0);
  const StepBatch step = stream.read_step(0);
  std::int64_t masked = 0;
  for (const Batch& batch : step.micro_batches) {
    EXPECT_TRUE(std::is_sorted(batch.masked_positions.begin(), batch.masked_positions.end()));
    masked += static_cast<std::int64_t>(batch.masked_positions.size());
  }
  EXPECT_EQ(step.counts().masked_tokens, masked);
  EXPECT_EQ(step.counts().sequences, 24);
  EXPECT_GT(masked, 24);
}

}  // namespace
}  // namespace lambert
