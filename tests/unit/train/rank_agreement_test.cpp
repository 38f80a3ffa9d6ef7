// SPDX-License-Identifier: Apache-2.0
#include "train/rank_agreement.h"

#include <utility>

#include <gtest/gtest.h>

namespace lambert {
namespace {

/// Two sequences of two positions; the second token of each is masked.
Batch two_sequences() {
  Batch batch;
  batch.batch_size = 2;
  batch.sequence_length = 2;
  batch.input_ids = {2, 4, 2, 4};
  batch.token_type_ids = {0, 0, 0, 1};
  batch.lengths = {2, 2};
  batch.masked_positions = {1, 3};
  batch.masked_labels = {7, 8};
  batch.next_sentence_labels = {0, 1};
  batch.sample_numbers = {10, 11};
  return batch;
}

/// The same sequences as two micro-batches of one, in the other order.
StepBatch one_by_one() {
  Batch first;
  first.batch_size = 1;
  first.sequence_length = 2;
  first.input_ids = {2, 4};
  first.token_type_ids = {0, 0};
  first.lengths = {2};
  first.masked_positions = {1};
  first.masked_labels = {7};
  first.next_sentence_labels = {0};
  first.sample_numbers = {10};
  Batch second = first;
  second.token_type_ids = {0, 1};
  second.masked_labels = {8};
  second.next_sentence_labels = {1};
  second.sample_numbers = {11};
  return {0, {second, first}};
}

TEST(RankAgreement, SampleHashDoesNotDependOnHowSamplesAreDealt) {
  const auto alone = make_single_communicator();
  EXPECT_EQ(hash_of_samples(*alone, {0, {two_sequences()}}), hash_of_samples(*alone, one_by_one()));
}

TEST(RankAgreement, SampleHashSeesAMaskedLabel) {
  const auto alone = make_single_communicator();
  Batch other = two_sequences();
  other.masked_labels[1] = 9;
  EXPECT_NE(hash_of_samples(*alone, {0, {two_sequences()}}), hash_of_samples(*alone, {0, {other}}));
}

TEST(RankAgreement, TextOfRankZeroComesBackUnchanged) {
  const auto alone = make_single_communicator();
  EXPECT_EQ(text_of_rank_zero(*alone, "runs/a"), "runs/a");
  EXPECT_EQ(text_of_rank_zero(*alone, ""), "");
}

}  // namespace
}  // namespace lambert
