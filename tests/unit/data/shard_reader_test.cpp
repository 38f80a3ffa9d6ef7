// SPDX-License-Identifier: Apache-2.0
// What a reader must find: every way a shard can be wrong, with header and hashes made to fit where
// a check behind them is meant.
#include "data/shard_reader.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "unit/data/shard_file.h"

namespace lambert {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(ShardReader, ReadsWhatWasWritten) {
  for (const std::int64_t vocab_size : {64, 65536, 65537, 200000}) {
    const ShardFile shard(150, 40, vocab_size);
    ShardReader reader(shard.path);
    const DatasetInfo info = tiny_dataset_info(40, vocab_size);
    ASSERT_EQ(reader.example_count(), 150);
    EXPECT_EQ(fingerprint_difference(reader.header().fingerprint, info), "");
    for (const std::int64_t record : {149, 0, 63, 64, 128, 1}) {
      const Example expected = tiny_example(record, info, 1);
      const Example example = reader.read(record);
      EXPECT_EQ(example.token_ids, expected.token_ids) << vocab_size << " " << record;
      EXPECT_EQ(example.first_segment_length, expected.first_segment_length);
      EXPECT_EQ(example.is_random_next, expected.is_random_next);
      EXPECT_EQ(reader.token_count(record), static_cast<std::int64_t>(example.token_ids.size()));
    }
  }
}

TEST(ShardReader, NamesTheWrongHeaderField) {
  struct Case {
    const char* field;
    std::size_t offset;
    std::uint32_t value;
    const char* expected;
    const char* found;
  };
  const Case cases[] = {
      {"magic", 0, 0, "4c414d4253485244", "00000000"},
      {"format version", 8, 1, "expected 2", "found 1"},
      {"endianness mark", 12, 0x04030201, "expected 16909060", "found 67305985"},
      {"header size", 16, 256, "expected 128", "found 256"},
      {"tokenizer type", 20, 0x00020003, "1 to 2", "found 3"},
      {"casing", 20, 0x00020501, "0 to 1", "found 5"},
      {"id width", 20, 0x00040001, "expected 2", "found 4"},
      {"reserved byte", 20, 0x01020001, "expected 0", "found 1"},
      {"vocabulary size", 24, 0, "1 to", "found 0"},
      {"maximum sequence length", 28, 70000, "1 to 65535", "found 70000"},
      {"special token id", 48, 64, "0 to 63", "found 64"},
      {"examples per block", 52, 0, "1 to 4096", "found 0"},
      {"reserved field", 104, 7, "expected 0", "found 7"},
  };
  for (const Case& wrong : cases) {
    ShardFile shard(3, 16);
    const std::string message = shard.set(wrong.offset, wrong.value).rehash_header().mistake();
    EXPECT_THAT(message,
                AllOf(HasSubstr(wrong.field), HasSubstr(wrong.expected), HasSubstr(wrong.found)));
  }
}

TEST(ShardReader, NamesAWrongHeaderHash) {
  ShardFile shard(3, 16);
  EXPECT_THAT(shard.set(32, std::uint32_t{1}).mistake(), HasSubstr("header hash: expected"));
}

TEST(ShardReader, RefusesCountsThatOverflow) {
  for (const std::size_t offset : {56U, 64U, 72U, 80U}) {
    for (const std::uint64_t value : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 63,
                                      std::uint64_t{1} << 60, ~std::uint64_t{0} / 16 + 2}) {
      ShardFile shard(3, 16);
      const std::string message = shard.set(offset, value).rehash_header().mistake();
      EXPECT_THAT(message, HasSubstr("found")) << offset << " " << value;
    }
  }
}

TEST(ShardReader, RefusesAShardOfNoExamples) {
  ShardFile shard(1, 16);
  EXPECT_THAT(shard.set(56, std::uint64_t{0}).rehash_header().mistake(),
              HasSubstr("example count: expected 1"));
}

TEST(ShardReader, FindsTruncationAtEveryByte) {
  const ShardFile shard(80, 16);
  for (std::size_t size = shard.bytes.size() - 1; size > 0; --size) {
    std::filesystem::resize_file(shard.path, size);
    ASSERT_THAT(shard.mistake_on_disk(), HasSubstr("file size (cut short?)")) << size;
  }
  EXPECT_THAT(shard.mistake_of(""), HasSubstr("file size (cut short?)"));
}

TEST(ShardReader, RefusesAFileThatGrew) {
  const ShardFile shard(3, 16);
  EXPECT_THAT(shard.mistake_of(shard.bytes + "x"), HasSubstr("file size"));
}

TEST(ShardReader, FindsAFlippedBitInEveryByte) {
  const ShardFile shard(70, 12);
  ASSERT_GE(shard.bytes.size(), 1000U);
  std::fstream file(shard.path, std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&](std::size_t place, char byte) {
    file.seekp(static_cast<std::streamoff>(place)).put(byte).flush();
  };
  for (std::size_t i = 0; i < shard.bytes.size(); ++i) {
    put(i, static_cast<char>(shard.bytes[i] ^ (1 << (i % 8))));
    const std::string message = shard.mistake_on_disk();
    ASSERT_NE(message, "") << "byte " << i;
    if (i >= kShardHeaderBytes && i < shard.lengths_begin()) {
      ASSERT_THAT(message,
                  AllOf(HasSubstr("block "), HasSubstr("record"), HasSubstr("hash mismatch")));
    }
    put(i, shard.bytes[i]);
  }
  EXPECT_EQ(shard.mistake_on_disk(), "");
}

TEST(ShardReader, RefusesBlocksThatOverlapOrPointBackwardsOrLeaveTheFile) {
  for (const std::uint64_t begin : {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{200},
                                    std::uint64_t{1} << 62, ~std::uint64_t{0}}) {
    ShardFile shard(70, 12);
    shard.set(shard.table_begin() + kShardTableEntryBytes, begin);
    shard.set(112, hash64(as_bytes(shard.bytes).subspan(shard.lengths_begin()))).rehash_header();
    EXPECT_THAT(shard.mistake(), AllOf(HasSubstr("block "), HasSubstr("lies at bytes"))) << begin;
  }
}

TEST(ShardReader, RefusesATokenCountThatTheListContradicts) {
  ShardFile shard(3, 12);
  const auto listed = shard.get<std::uint16_t>(shard.lengths_begin());
  shard.set(shard.lengths_begin(), static_cast<std::uint16_t>(listed - 1)).rehash();
  EXPECT_THAT(shard.mistake(), AllOf(HasSubstr("record 0"), HasSubstr("list of token counts")));
}

TEST(ShardReader, RefusesRecordsThatOverlapOrPointBackwardsOrLeaveTheBlock) {
  for (const std::uint32_t begin : {0U, 11U, 13U, 0x7fffffffU, 0xffffffffU}) {
    ShardFile shard(3, 12);
    const std::string message =
        shard.set(kShardHeaderBytes + kShardOffsetBytes, begin).rehash().mistake();
    EXPECT_THAT(message, AllOf(HasSubstr("block 0"), HasSubstr("record "))) << begin;
  }
  ShardFile gap(3, 12);
  gap.set(kShardHeaderBytes, gap.get<std::uint32_t>(kShardHeaderBytes) + 1);
  EXPECT_THAT(gap.rehash().mistake(), HasSubstr("record 0"));
}

class BadRecord : public testing::Test {
 protected:
  ShardFile shard_{3, 12};
  std::size_t record_ = kShardHeaderBytes + shard_.get<std::uint32_t>(kShardHeaderBytes);
};

TEST_F(BadRecord, WithATokenOutsideTheVocabularyIsNamed) {
  shard_.set(record_ + kShardRecordHeaderBytes + 2, std::uint16_t{64}).rehash();
  EXPECT_THAT(shard_.mistake(),
              AllOf(HasSubstr("block 0, record 0"), HasSubstr("token 1 has id 64"),
                    HasSubstr("the vocabulary has 64")));
}

TEST_F(BadRecord, LongerThanTheSequenceIsNamed) {
  shard_.set(record_, std::uint16_t{13}).rehash();
  EXPECT_THAT(shard_.mistake(), AllOf(HasSubstr("record 0"), HasSubstr("13 tokens")));
}

TEST_F(BadRecord, WithABadSegmentBoundaryIsNamed) {
  const auto length = shard_.get<std::uint16_t>(record_);
  for (const std::uint16_t first :
       {std::uint16_t{0}, std::uint16_t{1}, length, std::uint16_t{0xffff}}) {
    shard_.set(record_ + 2, first).rehash();
    EXPECT_THAT(shard_.mistake(), AllOf(HasSubstr("record 0"), HasSubstr("first segment")));
  }
}

TEST_F(BadRecord, WithoutItsSeparatorsIsNamed) {
  shard_.set(record_ + kShardRecordHeaderBytes, std::uint16_t{7}).rehash();
  EXPECT_THAT(shard_.mistake(), AllOf(HasSubstr("record 0"), HasSubstr("[CLS] A [SEP] B [SEP]")));
}

TEST_F(BadRecord, WithALabelAboveOneIsNamed) {
  shard_.set(record_ + 4, std::uint16_t{2}).rehash();
  EXPECT_THAT(shard_.mistake(), AllOf(HasSubstr("record 0"), HasSubstr("label 2")));
}

TEST(ShardReader, RefusesWhatIsNoShard) {
  const TempDirectory folder;
  const std::filesystem::path pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THROW(ShardReader{pipe}, DataError);
  EXPECT_THROW(ShardReader{folder.path()}, DataError);
  EXPECT_THROW(ShardReader{folder / "missing"}, DataError);
  const std::filesystem::path sparse = folder / "sparse";
  write_bytes(sparse, "");
  std::filesystem::resize_file(sparse, std::uintmax_t{1} << 34);
  EXPECT_THROW(ShardReader{sparse}, DataError);
}

TEST(ShardReader, NoticesAFileThatShrinksWhileOpen) {
  const ShardFile shard(200, 64);
  ShardReader reader(shard.path);
  reader.read(0);
  std::filesystem::resize_file(shard.path, 100);
  EXPECT_THROW(reader.read(0), DataError);
  EXPECT_THROW(reader.read(199), DataError);
}

}  // namespace
}  // namespace lambert
