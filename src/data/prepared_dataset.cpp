// SPDX-License-Identifier: Apache-2.0
#include "data/prepared_dataset.h"

#include <algorithm>
#include <map>
#include <string>

#include "base/error.h"
#include "base/file_system.h"
#include "base/hash.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

/// The largest published vocabularies take a few megabytes.
constexpr std::uint64_t kVocabularyLimitBytes = std::uint64_t{256} << 20;

[[noreturn]] void throw_mismatch(const fs::path& left, const fs::path& right,
                                 const std::string& found) {
  throw DataError("opening " + left.string() + ": it does not belong to " + right.string() + ": " +
                  found + "; restore the folder or run lambert prepare for it again");
}

}  // namespace

void check_vocabulary_file(const fs::path& folder, const DatasetInfo& info) {
  const fs::path file = folder / info.tokenizer_file;
  const std::string content = read_file(file, kVocabularyLimitBytes);
  const std::string found = hash128_hex(std::as_bytes(std::span(content)));
  if (found != info.vocabulary_hash) {
    throw_mismatch(file, folder / kDatasetIndexFile,
                   "vocabulary hash: " + found + " and " + info.vocabulary_hash);
  }
}

void check_shard_against_index(const ShardReader& shard, const DatasetInfo::Shard& entry,
                               const DatasetInfo& info, const fs::path& index) {
  const std::string difference = fingerprint_difference(shard.header().fingerprint, info);
  if (!difference.empty()) {
    throw_mismatch(shard.path(), index, difference);
  }
  if (shard.example_count() != entry.example_count) {
    throw_mismatch(shard.path(), index,
                   std::to_string(shard.example_count()) + " examples, the index lists " +
                       std::to_string(entry.example_count));
  }
}

PreparedDataset::PreparedDataset(const fs::path& folder) : info_(read_dataset_info(folder)) {
  check_vocabulary_file(folder, info_);
  const fs::path index = folder / kDatasetIndexFile;
  std::map<std::uint64_t, fs::path> contents;
  std::int64_t first = 0;
  for (const DatasetInfo::Shard& entry : info_.shards) {
    shards_.emplace_back(folder / entry.file);
    check_shard_against_index(shards_.back(), entry, info_, index);
    const auto [same, is_new] =
        contents.emplace(shards_.back().header().header_hash, shards_.back().path());
    if (!is_new) {
      throw_mismatch(shards_.back().path(), index,
                     "its content is that of " + same->second.string());
    }
    first_examples_.push_back(first);
    first += entry.example_count;
  }
}

std::size_t PreparedDataset::shard_of(std::int64_t example) const {
  LAMBERT_CHECK(example >= 0 && example < info_.example_count,
                "example " + std::to_string(example));
  const auto next = std::upper_bound(first_examples_.begin(), first_examples_.end(), example);
  return static_cast<std::size_t>(next - first_examples_.begin() - 1);
}

Example PreparedDataset::read(std::int64_t example) {
  const std::size_t shard = shard_of(example);
  return shards_[shard].read(example - first_examples_[shard]);
}

std::vector<std::int64_t> PreparedDataset::token_counts(
    const std::vector<std::int64_t>& examples) const {
  for (const ShardReader& shard : shards_) {
    shard.check_not_shrunk();
  }
  std::vector<std::int64_t> counts;
  counts.reserve(examples.size());
  for (const std::int64_t example : examples) {
    const std::size_t shard = shard_of(example);
    counts.push_back(shards_[shard].token_count(example - first_examples_[shard]));
  }
  return counts;
}

}  // namespace lambert
