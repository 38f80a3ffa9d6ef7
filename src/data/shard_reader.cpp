// SPDX-License-Identifier: Apache-2.0
#include "data/shard_reader.h"

#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "data/little_endian.h"
#include "data/shard_format.h"

namespace lambert {
namespace {

/// Empty when the tokens form [CLS] A [SEP] B [SEP] of known ids; else what is wrong.
std::string example_mistake(const Example& example, const DatasetInfo& info) {
  const std::vector<std::int32_t>& ids = example.token_ids;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= info.vocab_size) {
      return "token " + std::to_string(i) + " has id " +
             std::to_string(static_cast<std::uint32_t>(ids[i])) + ", the vocabulary has " +
             std::to_string(info.vocab_size);
    }
  }
  const auto first = static_cast<std::size_t>(example.first_segment_length);
  if (first < 2 || first >= ids.size()) {
    return "first segment of " + std::to_string(first) + " tokens in a record of " +
           std::to_string(ids.size());
  }
  const std::int32_t separator = info.special_tokens.sep;
  if (ids.front() != info.special_tokens.cls || ids[first - 1] != separator ||
      ids.back() != separator) {
    return "the tokens are not [CLS] A [SEP] B [SEP]";
  }
  return "";
}

constexpr std::size_t kFirstSegmentOffset = 2;
constexpr std::size_t kLabelOffset = 4;

/// content holds exactly length ids behind its fields.
Example decode_record(std::span<const std::byte> content, std::size_t length,
                      std::size_t id_bytes) {
  Example example;
  example.first_segment_length = read_little_endian<std::uint16_t>(content, kFirstSegmentOffset);
  example.is_random_next = read_little_endian<std::uint16_t>(content, kLabelOffset) == 1;
  example.token_ids.resize(length);
  for (std::size_t i = 0; i < length; ++i) {
    const std::size_t offset = kShardRecordHeaderBytes + i * id_bytes;
    const std::uint32_t id = id_bytes == 2 ? read_little_endian<std::uint16_t>(content, offset)
                                           : read_little_endian<std::uint32_t>(content, offset);
    example.token_ids[i] = static_cast<std::int32_t>(id);
  }
  return example;
}

}  // namespace

ShardReader::ShardReader(const std::filesystem::path& path)
    : file_(path), header_(decode_shard_header(file_.bytes(), file_.path())) {
  check_table();
  verified_.resize(header_.block_count);
}

void ShardReader::check_table() const {
  const std::span<const std::byte> table = file_.bytes().subspan(header_.lengths_begin());
  if (hash64(table) != header_.table_hash) {
    throw DataError("opening shard " + path().string() +
                    ": block table: hash mismatch (bits changed on disk); run lambert prepare for "
                    "this folder again");
  }
  std::uint64_t end_of_last = kShardHeaderBytes;
  for (std::uint64_t i = 0; i < header_.block_count; ++i) {
    const std::uint64_t begin = block_begin(i);
    const std::uint64_t end = block_begin(i + 1);
    const std::uint64_t least_bytes = records_in(i) * (kShardOffsetBytes + kShardRecordHeaderBytes);
    if (begin != end_of_last || end < begin || end - begin < least_bytes ||
        end > kShardHeaderBytes + header_.block_bytes) {
      fail(i, "",
           "it lies at bytes " + std::to_string(begin) + " to " + std::to_string(end) +
               " of the file, the block before it ends at " + std::to_string(end_of_last));
    }
    end_of_last = end;
  }
}

std::uint64_t ShardReader::block_begin(std::uint64_t block_index) const {
  return block_index == header_.block_count
             ? header_.lengths_begin()
             : read_little_endian<std::uint64_t>(
                   file_.bytes(), header_.table_begin() + block_index * kShardTableEntryBytes);
}

std::uint64_t ShardReader::records_in(std::uint64_t block_index) const {
  const std::uint64_t first = block_index * header_.examples_per_block;
  return std::min<std::uint64_t>(header_.examples_per_block, header_.example_count - first);
}

std::span<const std::byte> ShardReader::block(std::uint64_t block_index) {
  file_.check_not_shrunk();
  const std::uint64_t begin = block_begin(block_index);
  const std::span<const std::byte> bytes =
      file_.bytes().subspan(begin, block_begin(block_index + 1) - begin);
  if (!verified_[block_index]) {
    const std::uint64_t expected = read_little_endian<std::uint64_t>(
        file_.bytes(), header_.table_begin() + block_index * kShardTableEntryBytes + 8);
    if (hash64(bytes) != expected) {
      const std::uint64_t first = block_index * header_.examples_per_block;
      fail(block_index,
           std::to_string(first) + " to " + std::to_string(first + records_in(block_index) - 1),
           "hash mismatch (bits changed on disk)");
    }
    verified_[block_index] = true;
  }
  return bytes;
}

std::span<const std::byte> ShardReader::record_bytes(std::int64_t record) {
  const std::uint64_t block_index = static_cast<std::uint64_t>(record) / header_.examples_per_block;
  const std::size_t in_block = static_cast<std::uint64_t>(record) % header_.examples_per_block;
  const std::span<const std::byte> bytes = block(block_index);
  const std::uint64_t records = records_in(block_index);
  const std::size_t records_begin = records * kShardOffsetBytes;
  const auto offset_of = [&](std::size_t index) -> std::size_t {
    return index == records ? bytes.size()
                            : read_little_endian<std::uint32_t>(bytes, index * kShardOffsetBytes);
  };
  const std::size_t begin = offset_of(in_block);
  const std::size_t end = offset_of(in_block + 1);
  const bool starts_right = in_block == 0 ? begin == records_begin : begin > records_begin;
  if (!starts_right || end > bytes.size() || end < begin || end - begin < kShardRecordHeaderBytes) {
    fail(block_index, std::to_string(record),
         "it lies at bytes " + std::to_string(begin) + " to " + std::to_string(end) +
             " of a block of " + std::to_string(bytes.size()));
  }
  return bytes.subspan(begin, end - begin);
}

Example ShardReader::read(std::int64_t record) {
  LAMBERT_CHECK(record >= 0 && record < example_count(), "record " + std::to_string(record));
  const std::span<const std::byte> content = record_bytes(record);
  const DatasetInfo& info = header_.fingerprint;
  const std::size_t length = read_little_endian<std::uint16_t>(content, 0);
  const std::size_t id_bytes = shard_id_bytes(info.vocab_size);
  std::string mistake;
  Example example;
  if (length > static_cast<std::size_t>(info.max_seq_length) ||
      content.size() != kShardRecordHeaderBytes + length * id_bytes) {
    mistake = std::to_string(length) + " tokens in " + std::to_string(content.size()) +
              " bytes, the longest sequence is " + std::to_string(info.max_seq_length);
  } else if (static_cast<std::int64_t>(length) != token_count(record)) {
    mistake = std::to_string(length) + " tokens, the shard's list of token counts says " +
              std::to_string(token_count(record));
  } else if (read_little_endian<std::uint16_t>(content, kLabelOffset) > 1) {
    mistake = "next-sentence label " +
              std::to_string(read_little_endian<std::uint16_t>(content, kLabelOffset));
  } else {
    example = decode_record(content, length, id_bytes);
    mistake = example_mistake(example, info);
  }
  if (!mistake.empty()) {
    fail(static_cast<std::uint64_t>(record) / header_.examples_per_block, std::to_string(record),
         mistake);
  }
  return example;
}

std::int64_t ShardReader::token_count(std::int64_t record) const {
  LAMBERT_CHECK(record >= 0 && record < example_count(), "record " + std::to_string(record));
  return read_little_endian<std::uint16_t>(
      file_.bytes(),
      header_.lengths_begin() + static_cast<std::uint64_t>(record) * kShardLengthBytes);
}

void ShardReader::fail(std::uint64_t block_index, const std::string& record,
                       const std::string& found) const {
  throw DataError("reading shard " + path().string() + ", block " + std::to_string(block_index) +
                  (record.empty() ? "" : ", record " + record) + ": " + found +
                  "; run lambert prepare for this folder again");
}

}  // namespace lambert
