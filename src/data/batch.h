// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace lambert {

/// Denominators of the two losses.
struct BatchCounts {
  std::int64_t masked_tokens = 0;
  std::int64_t sequences = 0;
};

/// One micro-batch on the host. B sequences, S positions, N masked tokens in all.
struct Batch {
  std::int64_t batch_size = 0;                    // B
  std::int64_t sequence_length = 0;               // S
  std::vector<std::int32_t> input_ids;            // (B, S), [PAD] after the end, masks applied
  std::vector<std::int8_t> token_type_ids;        // (B, S)
  std::vector<std::int32_t> lengths;              // (B)
  std::vector<std::int32_t> masked_positions;     // (N) flat index into (B * S), ascending
  std::vector<std::int32_t> masked_labels;        // (N) original ids
  std::vector<std::int8_t> next_sentence_labels;  // (B) 0 = real next, 1 = random
  std::vector<std::uint64_t>
      sample_numbers;  // (B) number of the sample in its phase: names its dropout stream

  BatchCounts counts() const {
    return {static_cast<std::int64_t>(masked_labels.size()), batch_size};
  }
};

/// All micro-batches of one step on this rank.
struct StepBatch {
  std::int64_t step_in_phase = 0;
  std::vector<Batch> micro_batches;

  BatchCounts counts() const {
    BatchCounts sum;
    for (const Batch& batch : micro_batches) {
      sum.masked_tokens += batch.counts().masked_tokens;
      sum.sequences += batch.batch_size;
    }
    return sum;
  }
};

}  // namespace lambert
