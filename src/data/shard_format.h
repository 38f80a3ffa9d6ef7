// SPDX-License-Identifier: Apache-2.0
// Constants of a shard file; the format with its grammar and an example is docs/shard_format.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lambert {

constexpr std::string_view kShardMagic = "LAMBSHRD";
constexpr std::uint32_t kShardFormatVersion = 2;
/// Reads as 0x04030201 where a writer stored the wrong byte order.
constexpr std::uint32_t kShardEndianMark = 0x01020304;

constexpr std::size_t kShardHeaderBytes = 128;
/// Bytes of the header covered by the hash in its last eight.
constexpr std::size_t kShardHashedHeaderBytes = kShardHeaderBytes - 8;
/// One entry of the list of token counts.
constexpr std::size_t kShardLengthBytes = 2;
/// One entry of the block table: offset and hash.
constexpr std::size_t kShardTableEntryBytes = 16;
/// One entry of a block's record offsets.
constexpr std::size_t kShardOffsetBytes = 4;
/// Token count, first segment length, label.
constexpr std::size_t kShardRecordHeaderBytes = 6;

/// 16 KiB at 128 tokens: a random sample reads four pages, and checking its block costs about a
/// microsecond.
constexpr std::uint32_t kShardExamplesPerBlock = 64;
/// Keeps every offset inside a block below 2^32.
constexpr std::uint32_t kShardMaxExamplesPerBlock = 4096;
/// Token counts are 16 bits wide.
constexpr std::int64_t kShardMaxSequenceLength = 65535;
/// Up to here ids are stored in two bytes, above in four.
constexpr std::int64_t kShardMaxTwoByteVocabulary = 65536;

constexpr std::size_t shard_id_bytes(std::int64_t vocab_size) {
  return vocab_size <= kShardMaxTwoByteVocabulary ? 2 : 4;
}

}  // namespace lambert
