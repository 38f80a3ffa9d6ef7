// SPDX-License-Identifier: Apache-2.0
// A network and batches for single optimizer steps in one process; link lambert_train.
#pragma once

#include <cstdint>

#include "config/run_config.h"
#include "data/batch.h"

namespace lambert::testing {

inline constexpr std::int64_t kStepLength = 12;
inline constexpr std::int64_t kStepVocabulary = 50;

inline RunConfig tiny_step_config(LossNormalization normalization = LossNormalization::global) {
  RunConfig config;
  config.model = {.vocab_size = kStepVocabulary,
                  .hidden_size = 32,
                  .num_hidden_layers = 2,
                  .num_attention_heads = 2,
                  .intermediate_size = 64,
                  .max_position_embeddings = kStepLength};
  config.model.hidden_dropout_prob = 0.1;  // by sample, so that it is equal however they are dealt
  config.loss_normalization = normalization;
  return config;
}

/// Sequences first ... first + count - 1 of a step, the row-th of length - row * shorter_by tokens;
/// they have 1 to 10 masked tokens, so that micro-batches are uneven.
inline Batch sequences(std::int64_t first, std::int64_t count, std::int64_t length = kStepLength,
                       std::int64_t shorter_by = 0) {
  Batch batch;
  for (std::int64_t row = 0; row < count; ++row) {
    const std::int64_t sample = first + row;
    const auto begin = static_cast<std::int32_t>(batch.input_ids.size());
    const std::int64_t tokens = length - row * shorter_by;
    for (std::int64_t position = 0; position < tokens; ++position) {
      batch.input_ids.push_back(
          static_cast<std::int32_t>(5 + (sample * 7 + position * 3) % (kStepVocabulary - 5)));
      batch.token_type_ids.push_back(position < tokens / 2 ? 0 : 1);
    }
    batch.lengths.push_back(static_cast<std::int32_t>(tokens));
    for (std::int64_t masked = 0; masked <= sample % 10; ++masked) {
      batch.masked_positions.push_back(static_cast<std::int32_t>(begin + 1 + masked));
      batch.masked_labels.push_back(static_cast<std::int32_t>(5 + (sample + masked) % 40));
    }
    batch.next_sentence_labels.push_back(static_cast<std::int8_t>(sample % 2));
    batch.sample_numbers.push_back(static_cast<std::uint64_t>(sample));
  }
  return batch;
}

}  // namespace lambert::testing
