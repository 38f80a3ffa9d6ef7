// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "data/prepared_dataset.h"

namespace lambert {

/// What `lambert data stats` counts by reading every example.
struct DatasetStatistics {
  std::int64_t examples = 0;
  std::int64_t tokens = 0;          // [CLS] and [SEP] included
  std::int64_t unknown_tokens = 0;  // [UNK]
  std::int64_t random_next = 0;     // examples whose second segment is from elsewhere
  /// Examples with exactly that many tokens, from 0 to max_seq_length.
  std::vector<std::int64_t> examples_by_length;

  /// Share of the positions that are [PAD] when every example is padded to max_seq_length.
  double padding_share() const;
  double unknown_share() const;
  double random_next_share() const;
};

/// Throws DataError.
DatasetStatistics measure_dataset(PreparedDataset& dataset);

}  // namespace lambert
