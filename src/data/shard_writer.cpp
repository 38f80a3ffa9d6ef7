// SPDX-License-Identifier: Apache-2.0
#include "data/shard_writer.h"

#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "data/little_endian.h"
#include "data/shard_format.h"
#include "data/shard_header.h"

namespace lambert {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string encode_record(const Example& example, std::int64_t vocab_size) {
  std::string record;
  append_little_endian(record, static_cast<std::uint16_t>(example.token_ids.size()));
  append_little_endian(record, static_cast<std::uint16_t>(example.first_segment_length));
  append_little_endian(record, static_cast<std::uint16_t>(example.is_random_next ? 1 : 0));
  const bool two_bytes = shard_id_bytes(vocab_size) == 2;
  for (const std::int32_t id : example.token_ids) {
    if (two_bytes) {
      append_little_endian(record, static_cast<std::uint16_t>(id));
    } else {
      append_little_endian(record, static_cast<std::uint32_t>(id));
    }
  }
  return record;
}

/// What a reader would refuse must not be written.
void check_example(const Example& example, const DatasetInfo& info) {
  const std::vector<std::int32_t>& ids = example.token_ids;
  const auto length = static_cast<std::int64_t>(ids.size());
  const std::int64_t first = example.first_segment_length;
  LAMBERT_CHECK(length >= 3 && length <= info.max_seq_length,
                "example of " + std::to_string(length) + " tokens");
  LAMBERT_CHECK(first >= 2 && first < length,
                "first segment of " + std::to_string(first) + " tokens");
  for (const std::int32_t id : ids) {
    LAMBERT_CHECK(id >= 0 && id < info.vocab_size, "token id " + std::to_string(id));
  }
  const std::int32_t separator = info.special_tokens.sep;
  LAMBERT_CHECK(ids.front() == info.special_tokens.cls && ids.back() == separator &&
                    ids[static_cast<std::size_t>(first - 1)] == separator,
                "example is not [CLS] A [SEP] B [SEP]");
}

}  // namespace

/// The file system appends only and the header names sizes and hashes, so the shard is held until
/// finish().
struct ShardWriter::State {
  FileSystem& file_system;
  std::filesystem::path path;
  ShardHeader header;
  std::string blocks;                   // finished blocks, back to back
  std::string lengths;                  // token count of every example
  std::string table;                    // one entry for each finished block
  std::vector<std::string> open_block;  // encoded records of the block being filled

  void close_block() {
    if (open_block.empty()) {
      return;
    }
    std::string block;
    std::size_t offset = open_block.size() * kShardOffsetBytes;
    for (const std::string& record : open_block) {
      append_little_endian(block, static_cast<std::uint32_t>(offset));
      offset += record.size();
    }
    for (const std::string& record : open_block) {
      block += record;
    }
    append_little_endian(table, static_cast<std::uint64_t>(kShardHeaderBytes + blocks.size()));
    append_little_endian(table, hash64(bytes_of(block)));
    blocks += block;
    ++header.block_count;
    open_block.clear();
  }

  /// Returns the hash of the file.
  std::string write_file() {
    header.block_bytes = blocks.size();
    header.table_hash = hash64(bytes_of(lengths + table));
    const std::string encoded_header = encode_shard_header(header);
    std::filesystem::path partial = path;
    partial += ".partial";
    file_system.remove_all(partial);
    const std::unique_ptr<WritableFile> file = file_system.create_file(partial);
    StreamingHash hash;
    for (const std::string* part : {&encoded_header, &std::as_const(blocks),
                                    &std::as_const(lengths), &std::as_const(table)}) {
      file->append(bytes_of(*part));
      hash.update(bytes_of(*part));
    }
    file->sync();
    file->close();
    file_system.rename(partial, path);
    file_system.sync_directory(path.has_parent_path() ? path.parent_path()
                                                      : std::filesystem::path("."));
    return hash.hex();
  }
};

ShardWriter::ShardWriter(FileSystem& file_system, std::filesystem::path path,
                         const DatasetInfo& info)
    : state_(std::make_unique<State>(State{file_system, std::move(path), {}, {}, {}, {}, {}})) {
  LAMBERT_CHECK(info.vocab_size > 0 && info.vocab_size <= INT32_MAX,
                "vocabulary size " + std::to_string(info.vocab_size));
  LAMBERT_CHECK(info.max_seq_length > 0 && info.max_seq_length <= kShardMaxSequenceLength,
                "maximum sequence length " + std::to_string(info.max_seq_length));
  state_->header.fingerprint = info;
  state_->header.examples_per_block = kShardExamplesPerBlock;
}

ShardWriter::~ShardWriter() = default;

void ShardWriter::append(const Example& example) {
  const DatasetInfo& info = state_->header.fingerprint;
  check_example(example, info);
  state_->open_block.push_back(encode_record(example, info.vocab_size));
  append_little_endian(state_->lengths, static_cast<std::uint16_t>(example.token_ids.size()));
  ++state_->header.example_count;
  if (state_->open_block.size() == kShardExamplesPerBlock) {
    state_->close_block();
  }
}

DatasetInfo::Shard ShardWriter::finish() {
  State& state = *state_;
  if (state.header.example_count == 0) {
    throw DataError("writing shard " + state.path.string() +
                    ": it has no examples; give prepare more text or a smaller number of shards");
  }
  state.close_block();
  DatasetInfo::Shard shard;
  shard.hash = state.write_file();
  shard.file = state.path.filename().string();
  shard.example_count = static_cast<std::int64_t>(state.header.example_count);
  return shard;
}

}  // namespace lambert
