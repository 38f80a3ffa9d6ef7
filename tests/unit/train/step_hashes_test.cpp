// SPDX-License-Identifier: Apache-2.0
#include "train/step_hashes.h"

#include <gtest/gtest.h>

#include "model/model_inputs.h"

namespace lambert {
namespace {

/// Two sequences of two positions; the second token of each is masked.
Batch two_sequences() {
  Batch batch;
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

constexpr DropoutStream kDropout{42, 1, 7};

StepHashes hashes_of(const StepBatch& batch, const DropoutStream& dropout = kDropout,
                     const ModelConfig& model = {}) {
  const auto alone = make_single_communicator();
  return hash_step(*alone, batch, dropout, model);
}

TEST(StepHashes, DoNotDependOnHowSamplesAreDealt) {
  const StepHashes together = hashes_of({0, {two_sequences()}});
  const StepHashes dealt = hashes_of(one_by_one());
  EXPECT_EQ(together.samples, dealt.samples);
  EXPECT_EQ(together.masks, dealt.masks);
  EXPECT_EQ(together.dropout, dealt.dropout);
}

TEST(StepHashes, EachSeesItsOwnPart) {
  const StepHashes before = hashes_of({0, {two_sequences()}});
  Batch other = two_sequences();
  other.masked_labels[1] = 9;
  const StepHashes label = hashes_of({0, {other}});
  EXPECT_EQ(label.samples, before.samples);
  EXPECT_NE(label.masks, before.masks);
  EXPECT_EQ(label.dropout, before.dropout);

  other = two_sequences();
  other.sample_numbers[0] = 12;
  const StepHashes sample = hashes_of({0, {other}});
  EXPECT_NE(sample.samples, before.samples);
  EXPECT_NE(sample.dropout, before.dropout);

  const StepHashes later = hashes_of({0, {two_sequences()}}, {42, 1, 8});
  EXPECT_EQ(later.samples, before.samples);
  EXPECT_EQ(later.masks, before.masks);
  EXPECT_NE(later.dropout, before.dropout);
}

TEST(StepHashes, SeeTheProbabilityOfEveryKindOfDropout) {
  const StepHashes before = hashes_of({0, {two_sequences()}});
  ModelConfig attention;
  attention.attention_probs_dropout_prob = 0.2;
  ModelConfig hidden;
  hidden.hidden_dropout_prob = 0.2;
  EXPECT_NE(hashes_of({0, {two_sequences()}}, kDropout, attention).dropout, before.dropout);
  EXPECT_NE(hashes_of({0, {two_sequences()}}, kDropout, hidden).dropout, before.dropout);
}

}  // namespace
}  // namespace lambert
