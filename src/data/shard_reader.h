// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "data/example.h"
#include "data/shard_header.h"

namespace lambert {

/// Random access to one mapped shard (docs/shard_format.md). Opening checks header, sizes and block
/// table; the hash of a block is checked when it is first touched. Thread: one at a time.
class ShardReader {
 public:
  /// Throws DataError with field, expected and found.
  explicit ShardReader(const std::filesystem::path& path);

  const ShardHeader& header() const { return header_; }
  const std::filesystem::path& path() const { return file_.path(); }
  std::int64_t example_count() const { return static_cast<std::int64_t>(header_.example_count); }

  /// Throws DataError that names block and record.
  Example read(std::int64_t record);
  /// Of the record, without touching it. Call check_not_shrunk() not long before: reading a mapped
  /// file that was cut short is a signal.
  std::int64_t token_count(std::int64_t record) const;
  /// Throws DataError.
  void check_not_shrunk() const { file_.check_not_shrunk(); }

 private:
  void check_table() const;
  std::span<const std::byte> block(std::uint64_t block_index);
  std::span<const std::byte> record_bytes(std::int64_t record);
  std::uint64_t records_in(std::uint64_t block_index) const;
  std::uint64_t block_begin(std::uint64_t block_index) const;
  [[noreturn]] void fail(std::uint64_t block_index, const std::string& record,
                         const std::string& found) const;

  MappedFile file_;
  ShardHeader header_;
  std::vector<bool> verified_;  // by block
};

}  // namespace lambert
