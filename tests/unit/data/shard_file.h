// SPDX-License-Identifier: Apache-2.0
// A shard in memory whose bytes can be changed, with its hashes set right again, to reach the
// checks behind them.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/error.h"
#include "base/hash.h"
#include "data/little_endian.h"
#include "data/shard_format.h"
#include "data/shard_reader.h"
#include "support/temp_directory.h"
#include "support/tiny_dataset.h"

namespace lambert {

inline std::string file_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

inline std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

struct ShardFile {
  TempDirectory folder;
  std::filesystem::path path = folder / "shard.bin";
  std::string bytes;

  ShardFile(std::int64_t examples, std::int64_t max_seq_length, std::int64_t vocab_size = 64) {
    const auto disk = make_posix_file_system();
    const DatasetInfo info = tiny_dataset_info(max_seq_length, vocab_size);
    ShardWriter writer(*disk, path, info);
    for (std::int64_t i = 0; i < examples; ++i) {
      writer.append(tiny_example(i, info, 1));
    }
    writer.finish();
    bytes = file_bytes(path);
  }

  template <std::unsigned_integral T>
  T get(std::size_t offset) const {
    return read_little_endian<T>(as_bytes(bytes), offset);
  }

  template <std::unsigned_integral T>
  ShardFile& set(std::size_t offset, T value) {
    std::string encoded;
    append_little_endian(encoded, value);
    bytes.replace(offset, encoded.size(), encoded);
    return *this;
  }

  std::size_t lengths_begin() const { return kShardHeaderBytes + get<std::uint64_t>(72); }
  std::size_t table_begin() const {
    return lengths_begin() + kShardLengthBytes * get<std::uint64_t>(56);
  }

  /// Makes the hashes fit the changed bytes: block 0, the table, the header.
  ShardFile& rehash() {
    const std::size_t table = table_begin();
    const std::uint64_t blocks = get<std::uint64_t>(64);
    const std::size_t first_end =
        blocks > 1 ? get<std::uint64_t>(table + kShardTableEntryBytes) : lengths_begin();
    if (first_end <= bytes.size() && first_end >= kShardHeaderBytes) {
      const auto block = as_bytes(bytes).subspan(kShardHeaderBytes, first_end - kShardHeaderBytes);
      set(table + 8, hash64(block));
    }
    set(112, hash64(as_bytes(bytes).subspan(lengths_begin())));
    return rehash_header();
  }

  ShardFile& rehash_header() {
    return set(kShardHashedHeaderBytes, hash64(as_bytes(bytes).first(kShardHashedHeaderBytes)));
  }

  /// Message of the DataError that opening and reading every record ends in; "" when none does.
  std::string mistake() const { return mistake_of(bytes); }

  std::string mistake_of(const std::string& content) const {
    write_bytes(path, content);
    return mistake_on_disk();
  }

  std::string mistake_on_disk() const {
    try {
      ShardReader reader(path);
      for (std::int64_t i = 0; i < reader.example_count(); ++i) {
        reader.read(i);
      }
    } catch (const Error& error) {
      return error.code() == ExitCode::data ? error.what()
                                            : std::string("wrong kind: ") + error.what();
    }
    return "";
  }
};

}  // namespace lambert
