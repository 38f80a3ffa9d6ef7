// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "data/dataset.h"
#include "data/shard_reader.h"

namespace lambert {

/// A folder of `lambert prepare`, opened: example number in, example out. Thread: one at a time.
class PreparedDataset {
 public:
  /// Opens every shard and compares it with the index and with the vocabulary file. Throws
  /// DataError that names both files. Whole-file hashes are left to `lambert data verify`: they
  /// would read the corpus twice.
  explicit PreparedDataset(const std::filesystem::path& folder);

  const DatasetInfo& info() const { return info_; }
  std::int64_t example_count() const { return info_.example_count; }
  /// Examples are numbered through the shards in the index's order. Throws DataError.
  Example read(std::int64_t example);
  /// Of each example, without touching it. Throws DataError when a shard was cut short.
  std::vector<std::int64_t> token_counts(const std::vector<std::int64_t>& examples) const;

 private:
  std::size_t shard_of(std::int64_t example) const;

  DatasetInfo info_;
  std::vector<ShardReader> shards_;
  std::vector<std::int64_t> first_examples_;  // number of each shard's first example, ascending
};

/// Throws DataError when the folder's vocabulary file is missing or is not the one the examples
/// were made with.
void check_vocabulary_file(const std::filesystem::path& folder, const DatasetInfo& info);

/// Throws DataError naming both files when a shard was not made with this index.
void check_shard_against_index(const ShardReader& shard, const DatasetInfo::Shard& entry,
                               const DatasetInfo& info, const std::filesystem::path& index);

}  // namespace lambert
