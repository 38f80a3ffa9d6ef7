// SPDX-License-Identifier: Apache-2.0
#include "data/batch_stream.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "base/counter_rng.h"
#include "base/error.h"
#include "data/collate.h"
#include "data/deal_evenly.h"
#include "data/masking.h"
#include "data/prepared_dataset.h"
#include "data/sample_order.h"

namespace lambert {
namespace {

MaskingRule training_rule(const PhaseConfig& phase, const DatasetInfo& info) {
  return {.masked_lm_prob = phase.masked_lm_prob,
          .max_predictions = phase.max_predictions_per_seq,
          .vocab_size = info.vocab_size,
          .special_tokens = info.special_tokens};
}

void check_lengths(const PhaseConfig& phase, const DatasetInfo& info) {
  if (info.max_seq_length > phase.max_seq_length) {
    throw DataError("opening " + phase.data + " for phase " + phase.name +
                    ": its examples have up to " + std::to_string(info.max_seq_length) +
                    " tokens, max_seq_length of the phase is " +
                    std::to_string(phase.max_seq_length) +
                    "; raise it or run lambert prepare with --max-seq-length " +
                    std::to_string(phase.max_seq_length));
  }
}

/// A step must not hold an example twice.
void check_batch_size(const PhaseConfig& phase, const DatasetInfo& info) {
  if (info.example_count < phase.global_train_batch_size) {
    throw ConfigError(
        "opening " + phase.data + " for phase " + phase.name + ": it has " +
        std::to_string(info.example_count) + " examples, global_train_batch_size is " +
        std::to_string(phase.global_train_batch_size) +
        "; prepare more text (or a larger --duplicate-factor), or lower the batch size");
  }
}

}  // namespace

struct BatchStream::State {
  PreparedDataset dataset;
  PhaseConfig phase;
  std::uint32_t phase_index;
  StepShape shape;
  int rank;
  MaskingRule rule;
  SampleOrder order;
  PhiloxKey masking_key;

  /// The samples of every micro-batch of this rank, counted from the step's first one.
  std::vector<std::vector<std::int64_t>> deal_samples(std::int64_t first_sample) const {
    std::vector<std::int64_t> examples;
    examples.reserve(static_cast<std::size_t>(shape.global_batch()));
    for (std::int64_t i = 0; i < shape.global_batch(); ++i) {
      examples.push_back(order.example_of(first_sample + i));
    }
    const std::vector<std::int64_t> lengths = dataset.token_counts(examples);
    const auto micro_batches = deal_evenly(lengths, shape.accumulation * shape.ranks);
    std::vector<std::int64_t> tokens;
    tokens.reserve(micro_batches.size());
    for (const std::vector<std::int64_t>& samples : micro_batches) {
      tokens.push_back(std::accumulate(samples.begin(), samples.end(), std::int64_t{0},
                                       [&](std::int64_t sum, std::int64_t i) {
                                         return sum + lengths[static_cast<std::size_t>(i)];
                                       }));
    }
    const auto of_ranks = deal_evenly(tokens, shape.ranks);
    std::vector<std::vector<std::int64_t>> mine;
    for (const std::int64_t j : of_ranks[static_cast<std::size_t>(rank)]) {
      mine.push_back(micro_batches[static_cast<std::size_t>(j)]);
    }
    return mine;
  }

  Batch read_micro_batch(std::int64_t first_sample, const std::vector<std::int64_t>& samples) {
    Batch batch;
    for (const std::int64_t i : samples) {
      const std::int64_t sample = first_sample + i;
      const auto sample_number = static_cast<std::uint64_t>(sample);
      const Example example = dataset.read(order.example_of(sample));
      const Masking masking =
          mask_example(example, rule, CounterStream(masking_key, sample_number, phase_index));
      append_sequence(batch, example, masking, sample_number);
    }
    return batch;
  }
};

BatchStream::BatchStream(const PhaseConfig& phase, std::int64_t phase_index, std::uint64_t seed,
                         const StepShape& shape, int rank) {
  LAMBERT_CHECK(rank >= 0 && rank < shape.ranks, "rank " + std::to_string(rank));
  LAMBERT_CHECK(shape.micro_batch > 0 && shape.accumulation > 0 &&
                    shape.global_batch() == phase.global_train_batch_size,
                "the step shape does not make the global batch");
  LAMBERT_CHECK(phase_index >= 0 && phase_index < kEvaluationPhase,
                "phase index " + std::to_string(phase_index));
  PreparedDataset dataset(phase.data);
  check_lengths(phase, dataset.info());
  check_batch_size(phase, dataset.info());
  const MaskingRule rule = training_rule(phase, dataset.info());
  const SampleOrder order(seed, phase_index, dataset.example_count());
  state_ = std::make_unique<State>(State{std::move(dataset), phase,
                                         static_cast<std::uint32_t>(phase_index), shape, rank, rule,
                                         order, philox_key(seed, RandomPurpose::masking)});
}

BatchStream::~BatchStream() = default;
BatchStream::BatchStream(BatchStream&&) noexcept = default;

StepBatch BatchStream::read_step(std::int64_t step_in_phase) {
  LAMBERT_CHECK(step_in_phase >= 0, "step " + std::to_string(step_in_phase));
  const StepShape& shape = state_->shape;
  const std::int64_t first_sample = step_in_phase * shape.global_batch();
  StepBatch step;
  step.step_in_phase = step_in_phase;
  for (const std::vector<std::int64_t>& samples : state_->deal_samples(first_sample)) {
    step.micro_batches.push_back(state_->read_micro_batch(first_sample, samples));
  }
  return step;
}

const DatasetInfo& BatchStream::dataset() const {
  return state_->dataset.info();
}

}  // namespace lambert
