// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace lambert {

/// What was counted: denominators of the two losses and measures of the work.
struct BatchCounts {
  std::int64_t masked_tokens = 0;
  std::int64_t sequences = 0;
  std::int64_t tokens = 0;
  std::int64_t token_pairs = 0;  // sum of squared lengths: entries of one head's attention matrices

  BatchCounts& operator+=(const BatchCounts& other) {
    masked_tokens += other.masked_tokens;
    sequences += other.sequences;
    tokens += other.tokens;
    token_pairs += other.token_pairs;
    return *this;
  }
};

/// One micro-batch on the host. B sequences of T tokens in all, one after the other without
/// padding, N of them masked.
struct Batch {
  std::vector<std::int32_t> input_ids;            // (T), masks applied
  std::vector<std::int8_t> token_type_ids;        // (T)
  std::vector<std::int32_t> lengths;              // (B)
  std::vector<std::int32_t> masked_positions;     // (N) index into (T), ascending
  std::vector<std::int32_t> masked_labels;        // (N) original ids
  std::vector<std::int8_t> next_sentence_labels;  // (B) 0 = real next, 1 = random
  std::vector<std::uint64_t>
      sample_numbers;  // (B) number of the sample in its phase: names its dropout stream

  BatchCounts counts() const {
    BatchCounts counts{static_cast<std::int64_t>(masked_labels.size()),
                       static_cast<std::int64_t>(lengths.size()),
                       static_cast<std::int64_t>(input_ids.size()), 0};
    for (const std::int64_t length : lengths) {
      counts.token_pairs += length * length;
    }
    return counts;
  }
};

/// All micro-batches of one step on this rank.
struct StepBatch {
  std::int64_t step_in_phase = 0;
  std::vector<Batch> micro_batches;

  BatchCounts counts() const {
    BatchCounts sum;
    for (const Batch& batch : micro_batches) {
      sum += batch.counts();
    }
    return sum;
  }
};

}  // namespace lambert
