// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "base/counter_rng.h"
#include "base/error.h"
#include "data/batch_stream.h"
#include "data/collate.h"
#include "data/masking.h"
#include "data/prepared_dataset.h"

namespace lambert {
namespace {

constexpr double kEvaluationMaskedShare = 0.15;  // of the original release

MaskingRule evaluation_rule(const DatasetInfo& info) {
  const double most = kEvaluationMaskedShare * static_cast<double>(info.max_seq_length);
  return {
      .masked_lm_prob = kEvaluationMaskedShare,
      .max_predictions = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::nearbyint(most))),
      .vocab_size = info.vocab_size,
      .special_tokens = info.special_tokens};
}

}  // namespace

struct EvaluationStream::State {
  PreparedDataset dataset;
  MaskingRule rule;
  std::int64_t sample_count;
  PhiloxKey masking_key;
};

EvaluationStream::EvaluationStream(const EvaluationConfig& evaluation, std::uint64_t seed) {
  PreparedDataset dataset(evaluation.data);
  const MaskingRule rule = evaluation_rule(dataset.info());
  const std::int64_t samples = std::min(evaluation.max_eval_samples, dataset.example_count());
  state_ = std::make_unique<State>(
      State{std::move(dataset), rule, samples, philox_key(seed, RandomPurpose::masking)});
}

EvaluationStream::~EvaluationStream() = default;

const DatasetInfo& EvaluationStream::dataset() const {
  return state_->dataset.info();
}

std::int64_t EvaluationStream::sample_count() const {
  return state_->sample_count;
}

Batch EvaluationStream::read(std::int64_t first, std::int64_t count) {
  LAMBERT_CHECK(
      first >= 0 && count >= 0 && first <= state_->sample_count - count,
      "held-out examples " + std::to_string(first) + " and " + std::to_string(count) + " on");
  Batch batch;
  for (std::int64_t row = 0; row < count; ++row) {
    const auto number = static_cast<std::uint64_t>(first + row);
    const Example example = state_->dataset.read(first + row);
    const Masking masking = mask_example(
        example, state_->rule, CounterStream(state_->masking_key, number, kEvaluationPhase));
    append_sequence(batch, example, masking, number);
  }
  return batch;
}

}  // namespace lambert
