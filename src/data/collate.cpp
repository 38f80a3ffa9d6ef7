// SPDX-License-Identifier: Apache-2.0
#include "data/collate.h"

namespace lambert {

void append_sequence(Batch& batch, const Example& example, const Masking& masking,
                     std::uint64_t sample_number) {
  const std::size_t begin = batch.input_ids.size();
  const std::size_t length = example.token_ids.size();
  batch.input_ids.insert(batch.input_ids.end(), example.token_ids.begin(), example.token_ids.end());
  for (std::size_t i = 0; i < masking.positions.size(); ++i) {
    const std::size_t position = begin + static_cast<std::size_t>(masking.positions[i]);
    batch.input_ids[position] = masking.replacements[i];
    batch.masked_positions.push_back(static_cast<std::int32_t>(position));
    batch.masked_labels.push_back(masking.labels[i]);
  }
  batch.token_type_ids.resize(begin + static_cast<std::size_t>(example.first_segment_length), 0);
  batch.token_type_ids.resize(begin + length, 1);
  batch.lengths.push_back(static_cast<std::int32_t>(length));
  batch.next_sentence_labels.push_back(example.is_random_next ? 1 : 0);
  batch.sample_numbers.push_back(sample_number);
}

}  // namespace lambert
