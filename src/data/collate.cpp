// SPDX-License-Identifier: Apache-2.0
#include "data/collate.h"

#include <algorithm>
#include <string>

#include "base/error.h"

namespace lambert {

Batch make_empty_batch(std::int64_t batch_size, std::int64_t sequence_length, std::int32_t pad_id) {
  Batch batch;
  batch.batch_size = batch_size;
  batch.sequence_length = sequence_length;
  const auto rows = static_cast<std::size_t>(batch_size);
  const auto cells = static_cast<std::size_t>(batch_size * sequence_length);
  batch.input_ids.assign(cells, pad_id);
  batch.token_type_ids.assign(cells, 0);
  batch.lengths.reserve(rows);
  batch.next_sentence_labels.reserve(rows);
  batch.sample_numbers.reserve(rows);
  return batch;
}

void fill_row(Batch& batch, std::int64_t row, const Example& example, const Masking& masking,
              std::uint64_t sample_number) {
  const auto length = static_cast<std::int64_t>(example.token_ids.size());
  LAMBERT_CHECK(length <= batch.sequence_length,
                "example of " + std::to_string(length) + " tokens");
  const std::int64_t row_begin = row * batch.sequence_length;
  const auto ids = batch.input_ids.begin() + row_begin;
  std::copy(example.token_ids.begin(), example.token_ids.end(), ids);
  for (std::size_t i = 0; i < masking.positions.size(); ++i) {
    const std::int32_t position = masking.positions[i];
    ids[position] = masking.replacements[i];
    batch.masked_positions.push_back(static_cast<std::int32_t>(row_begin + position));
    batch.masked_labels.push_back(masking.labels[i]);
  }
  const auto segments = batch.token_type_ids.begin() + row_begin;
  std::fill(segments + example.first_segment_length, segments + length, std::int8_t{1});
  batch.lengths.push_back(static_cast<std::int32_t>(length));
  batch.next_sentence_labels.push_back(example.is_random_next ? 1 : 0);
  batch.sample_numbers.push_back(sample_number);
}

}  // namespace lambert
