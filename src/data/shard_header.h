// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "data/dataset.h"

namespace lambert {

/// The first 128 bytes of a shard (docs/shard_format.md): what it was made with and how long its
/// parts are.
struct ShardHeader {
  DatasetInfo fingerprint;  // tokenizer, vocabulary, casing, lengths and special tokens only
  std::uint64_t example_count = 0;
  std::uint32_t examples_per_block = 0;
  std::uint64_t block_count = 0;
  std::uint64_t block_bytes = 0;  // all blocks together
  std::uint64_t table_hash = 0;   // of the token counts and the block table
  std::uint64_t header_hash =
      0;  // names the whole content: it covers table_hash, which covers all blocks

  std::uint64_t lengths_begin() const;  // place of the token counts in the file
  std::uint64_t table_begin() const;
  std::uint64_t file_bytes() const;
};

/// The fields but header_hash, which is computed.
std::string encode_shard_header(const ShardHeader& header);

/// Checks everything that can be told from the header and the file's size; allocates nothing that
/// depends on them. Throws DataError with field, expected and found.
ShardHeader decode_shard_header(std::span<const std::byte> file, const std::filesystem::path& path);

/// Name of the first fingerprint field that differs ("" when none): "vocabulary hash: aa... and
/// bb...".
std::string fingerprint_difference(const DatasetInfo& left, const DatasetInfo& right);

}  // namespace lambert
