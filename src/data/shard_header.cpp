// SPDX-License-Identifier: Apache-2.0
#include "data/shard_header.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "data/little_endian.h"
#include "data/shard_format.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWordPiece = "wordpiece";
constexpr std::string_view kSentencePiece = "sentencepiece";
constexpr std::size_t kHashBytes = 16;

// Where the fields lie: the table in docs/shard_format.md.
constexpr std::size_t kVersionOffset = 8;
constexpr std::size_t kEndianOffset = 12;
constexpr std::size_t kHeaderBytesOffset = 16;
constexpr std::size_t kTokenizerOffset = 20;
constexpr std::size_t kCasedOffset = 21;
constexpr std::size_t kIdBytesOffset = 22;
constexpr std::size_t kReservedOffset = 23;
constexpr std::size_t kVocabSizeOffset = 24;
constexpr std::size_t kSequenceLengthOffset = 28;
constexpr std::size_t kSpecialTokensOffset = 32;
constexpr std::size_t kExamplesPerBlockOffset = 52;
constexpr std::size_t kExampleCountOffset = 56;
constexpr std::size_t kBlockCountOffset = 64;
constexpr std::size_t kBlockBytesOffset = 72;
constexpr std::size_t kFileBytesOffset = 80;
constexpr std::size_t kVocabularyHashOffset = 88;
constexpr std::size_t kTailReservedOffset = 104;
constexpr std::size_t kTableHashOffset = 112;

std::uint8_t hex_value(char digit) {
  return static_cast<std::uint8_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

/// 32 hexadecimal digits to 16 bytes, in the order they are written.
std::string bytes_of_hex(const std::string& hex) {
  LAMBERT_CHECK(hex.size() == 2 * kHashBytes, "a vocabulary hash has 32 hexadecimal digits");
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>((hex_value(hex[i]) << 4) | hex_value(hex[i + 1]));
  }
  return bytes;
}

std::string hex_of_bytes(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const std::byte byte : bytes) {
    hex += kDigits[std::to_integer<std::size_t>(byte >> 4)];
    hex += kDigits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  return hex;
}

/// Reads fields of one header and complains about them by name.
class HeaderFields {
 public:
  HeaderFields(std::span<const std::byte> bytes, const fs::path& path)
      : bytes_(bytes), path_(path) {}

  template <typename T>
  T read(std::size_t offset) const {
    return read_little_endian<T>(bytes_, offset);
  }

  template <typename T>
  void expect(const char* field, std::size_t offset, T expected) const {
    const T found = read<T>(offset);
    if (found != expected) {
      fail(field, std::to_string(expected), std::to_string(found));
    }
  }

  std::uint64_t between(const char* field, std::uint64_t value, std::uint64_t lowest,
                        std::uint64_t highest) const {
    if (value < lowest || value > highest) {
      fail(field, std::to_string(lowest) + " to " + std::to_string(highest), std::to_string(value));
    }
    return value;
  }

  [[noreturn]] void fail(const std::string& field, const std::string& expected,
                         const std::string& found) const {
    throw DataError("opening shard " + path_.string() + ": " + field + ": expected " + expected +
                    ", found " + found + "; run lambert prepare for this folder again");
  }

 private:
  std::span<const std::byte> bytes_;
  const fs::path& path_;
};

void check_identity(const HeaderFields& fields, std::span<const std::byte> bytes) {
  for (std::size_t i = 0; i < kShardMagic.size(); ++i) {
    if (std::to_integer<char>(bytes[i]) != kShardMagic[i]) {
      fields.fail("magic", hex_of_bytes(std::as_bytes(std::span(kShardMagic))),
                  hex_of_bytes(bytes.first(kShardMagic.size())));
    }
  }
  fields.expect<std::uint32_t>("endianness mark", kEndianOffset, kShardEndianMark);
  fields.expect<std::uint32_t>("format version", kVersionOffset, kShardFormatVersion);
  fields.expect<std::uint32_t>("header size", kHeaderBytesOffset, kShardHeaderBytes);
  fields.expect<std::uint64_t>("header hash", kShardHashedHeaderBytes,
                               hash64(bytes.first(kShardHashedHeaderBytes)));
}

DatasetInfo decode_fingerprint(const HeaderFields& fields, std::span<const std::byte> bytes) {
  DatasetInfo info;
  info.format_version = kShardFormatVersion;
  const auto tokenizer =
      fields.between("tokenizer type", fields.read<std::uint8_t>(kTokenizerOffset), 1, 2);
  info.tokenizer_type = tokenizer == 1 ? kWordPiece : kSentencePiece;
  info.cased = fields.between("casing", fields.read<std::uint8_t>(kCasedOffset), 0, 1) == 1;
  info.vocab_size = static_cast<std::int64_t>(fields.between(
      "vocabulary size", fields.read<std::uint32_t>(kVocabSizeOffset), 1, INT32_MAX));
  fields.expect<std::uint8_t>("id width", kIdBytesOffset,
                              static_cast<std::uint8_t>(shard_id_bytes(info.vocab_size)));
  info.max_seq_length = static_cast<std::int64_t>(
      fields.between("maximum sequence length", fields.read<std::uint32_t>(kSequenceLengthOffset),
                     1, kShardMaxSequenceLength));
  std::size_t offset = kSpecialTokensOffset;
  for (std::int32_t* token :
       {&info.special_tokens.pad, &info.special_tokens.unknown, &info.special_tokens.cls,
        &info.special_tokens.sep, &info.special_tokens.mask}) {
    *token = static_cast<std::int32_t>(
        fields.between("special token id", fields.read<std::uint32_t>(offset), 0,
                       static_cast<std::uint64_t>(info.vocab_size - 1)));
    offset += sizeof(std::uint32_t);
  }
  info.vocabulary_hash = hex_of_bytes(bytes.subspan(kVocabularyHashOffset, kHashBytes));
  fields.expect<std::uint8_t>("reserved byte", kReservedOffset, 0);
  fields.expect<std::uint64_t>("reserved field", kTailReservedOffset, 0);
  return info;
}

/// Every sum stays below 2^64 because each part was compared with the file's true size first.
void check_counts(const HeaderFields& fields, const ShardHeader& header, std::uint64_t file_bytes) {
  fields.between("examples per block", header.examples_per_block, 1, kShardMaxExamplesPerBlock);
  fields.between("example count", header.example_count, 1, file_bytes / kShardRecordHeaderBytes);
  fields.between("block count", header.block_count, 1, file_bytes / kShardTableEntryBytes);
  fields.between("bytes of all blocks", header.block_bytes, 1, file_bytes);
  const std::uint64_t blocks = (header.example_count - 1) / header.examples_per_block + 1;
  if (header.block_count != blocks) {
    fields.fail("block count", std::to_string(blocks), std::to_string(header.block_count));
  }
  if (header.file_bytes() != file_bytes) {
    fields.fail("file size (cut short?)", std::to_string(header.file_bytes()),
                std::to_string(file_bytes));
  }
}

}  // namespace

std::uint64_t ShardHeader::lengths_begin() const {
  return kShardHeaderBytes + block_bytes;
}

std::uint64_t ShardHeader::table_begin() const {
  return lengths_begin() + example_count * kShardLengthBytes;
}

std::uint64_t ShardHeader::file_bytes() const {
  return table_begin() + block_count * kShardTableEntryBytes;
}

std::string encode_shard_header(const ShardHeader& header) {
  const DatasetInfo& info = header.fingerprint;
  const SpecialTokens& special = info.special_tokens;
  std::string bytes(kShardMagic);
  append_little_endian(bytes, kShardFormatVersion);
  append_little_endian(bytes, kShardEndianMark);
  append_little_endian(bytes, static_cast<std::uint32_t>(kShardHeaderBytes));
  append_little_endian(bytes, static_cast<std::uint8_t>(info.tokenizer_type == kWordPiece ? 1 : 2));
  append_little_endian(bytes, static_cast<std::uint8_t>(info.cased ? 1 : 0));
  append_little_endian(bytes, static_cast<std::uint8_t>(shard_id_bytes(info.vocab_size)));
  append_little_endian(bytes, std::uint8_t{0});
  append_little_endian(bytes, static_cast<std::uint32_t>(info.vocab_size));
  append_little_endian(bytes, static_cast<std::uint32_t>(info.max_seq_length));
  for (const std::int32_t token :
       {special.pad, special.unknown, special.cls, special.sep, special.mask}) {
    append_little_endian(bytes, static_cast<std::uint32_t>(token));
  }
  append_little_endian(bytes, header.examples_per_block);
  append_little_endian(bytes, header.example_count);
  append_little_endian(bytes, header.block_count);
  append_little_endian(bytes, header.block_bytes);
  append_little_endian(bytes, header.file_bytes());
  bytes += bytes_of_hex(info.vocabulary_hash);
  append_little_endian(bytes, std::uint64_t{0});
  append_little_endian(bytes, header.table_hash);
  append_little_endian(bytes, hash64(std::as_bytes(std::span(bytes))));
  LAMBERT_CHECK(bytes.size() == kShardHeaderBytes, "the shard header has a fixed size");
  return bytes;
}

ShardHeader decode_shard_header(std::span<const std::byte> file, const fs::path& path) {
  const HeaderFields fields(file, path);
  if (file.size() < kShardHeaderBytes) {
    fields.fail("file size (cut short?)", "at least " + std::to_string(kShardHeaderBytes),
                std::to_string(file.size()));
  }
  check_identity(fields, file);
  ShardHeader header;
  header.fingerprint = decode_fingerprint(fields, file);
  header.examples_per_block = fields.read<std::uint32_t>(kExamplesPerBlockOffset);
  header.example_count = fields.read<std::uint64_t>(kExampleCountOffset);
  header.block_count = fields.read<std::uint64_t>(kBlockCountOffset);
  header.block_bytes = fields.read<std::uint64_t>(kBlockBytesOffset);
  header.table_hash = fields.read<std::uint64_t>(kTableHashOffset);
  header.header_hash = fields.read<std::uint64_t>(kShardHashedHeaderBytes);
  const auto file_bytes = fields.read<std::uint64_t>(kFileBytesOffset);
  if (file_bytes != file.size()) {
    fields.fail("file size (cut short?)", std::to_string(file_bytes), std::to_string(file.size()));
  }
  check_counts(fields, header, file.size());
  return header;
}

std::string fingerprint_difference(const DatasetInfo& left, const DatasetInfo& right) {
  const auto describe = [](const DatasetInfo& info) {
    const SpecialTokens& special = info.special_tokens;
    std::string ids;
    for (const std::int32_t id :
         {special.pad, special.unknown, special.cls, special.sep, special.mask}) {
      ids += (ids.empty() ? "" : " ") + std::to_string(id);
    }
    return std::array<std::pair<const char*, std::string>, 6>{
        {{"tokenizer type", info.tokenizer_type},
         {"vocabulary hash", info.vocabulary_hash},
         {"casing", info.cased ? "cased" : "uncased"},
         {"vocabulary size", std::to_string(info.vocab_size)},
         {"maximum sequence length", std::to_string(info.max_seq_length)},
         {"special token ids", ids}}};
  };
  const auto left_fields = describe(left);
  const auto right_fields = describe(right);
  for (std::size_t i = 0; i < left_fields.size(); ++i) {
    if (left_fields[i].second != right_fields[i].second) {
      return std::string(left_fields[i].first) + ": " + left_fields[i].second + " and " +
             right_fields[i].second;
    }
  }
  return "";
}

}  // namespace lambert
