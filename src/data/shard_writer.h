// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/file_system.h"
#include "data/dataset.h"
#include "data/example.h"

namespace lambert {

/// Writes one shard (docs/shard_format.md). The file appears under its name only when finish()
/// returned: before, it is path + ".partial". Equal examples give equal bytes.
class ShardWriter {
 public:
  /// info: the fingerprint fields only (tokenizer, vocabulary, casing, lengths, special tokens).
  ShardWriter(FileSystem& file_system, std::filesystem::path path, const DatasetInfo& info);
  ~ShardWriter();
  ShardWriter(const ShardWriter&) = delete;
  ShardWriter& operator=(const ShardWriter&) = delete;

  void append(const Example& example);
  /// Commits the file; returns its entry for index.json.
  DatasetInfo::Shard finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lambert
