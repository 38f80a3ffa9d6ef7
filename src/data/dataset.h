// SPDX-License-Identifier: Apache-2.0
// A folder made by `lambert prepare`: index.json, tokenizer files and shards
// (docs/shard_format.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/example.h"

namespace lambert {

/// Content of index.json; every shard header repeats the fingerprint fields.
struct DatasetInfo {
  std::int64_t format_version = 2;
  std::string tokenizer_type;   // "wordpiece" or "sentencepiece"
  std::string tokenizer_file;   // "vocab.txt" or "spiece.model", inside the folder
  std::string vocabulary_hash;  // XXH3-128 of that file
  bool cased = false;
  std::int64_t vocab_size = 0;
  std::int64_t max_seq_length = 0;
  SpecialTokens special_tokens;
  std::int64_t document_count = 0;
  std::int64_t sentence_count = 0;
  std::int64_t example_count = 0;
  struct Shard {
    std::string file;
    std::int64_t example_count = 0;
    std::string hash;  // XXH3-128 of the file
  };
  std::vector<Shard> shards;
};

constexpr const char* kDatasetIndexFile = "index.json";
/// What `lambert prepare` keeps to recognise its own folder: plan and lock. No data.
constexpr const char* kPrepareStateFolder = ".prepare";

/// Throws DataError: missing, malformed, unknown version, path that leaves the folder.
DatasetInfo read_dataset_info(const std::filesystem::path& folder);
/// index.json text: stable key order, equal info gives equal bytes.
std::string write_dataset_info(const DatasetInfo& info);

}  // namespace lambert
