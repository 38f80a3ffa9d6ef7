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

/// Sequences first ... first + count - 1 of a step; sequence i has 1 + i masked tokens, so that
/// micro-batches are uneven.
inline Batch sequences(std::int64_t first, std::int64_t count) {
  Batch batch;
  for (std::int64_t row = 0; row < count; ++row) {
    const std::int64_t sample = first + row;
    for (std::int64_t position = 0; position < kStepLength; ++position) {
      batch.input_ids.push_back(
          static_cast<std::int32_t>(5 + (sample * 7 + position * 3) % (kStepVocabulary - 5)));
      batch.token_type_ids.push_back(position < kStepLength / 2 ? 0 : 1);
    }
    batch.lengths.push_back(kStepLength);
    for (std::int64_t masked = 0; masked <= sample; ++masked) {
      batch.masked_positions.push_back(static_cast<std::int32_t>(row * kStepLength + 1 + masked));
      batch.masked_labels.push_back(static_cast<std::int32_t>(5 + (sample + masked) % 40));
    }
    batch.next_sentence_labels.push_back(static_cast<std::int8_t>(sample % 2));
    batch.sample_numbers.push_back(static_cast<std::uint64_t>(sample));
  }
  return batch;
}

}  // namespace lambert::testing
