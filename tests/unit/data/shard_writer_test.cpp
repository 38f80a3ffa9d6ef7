// SPDX-License-Identifier: Apache-2.0
#include "data/shard_writer.h"

#include <gtest/gtest.h>

#include "unit/data/shard_file.h"

namespace lambert {
namespace {

TEST(ShardWriter, WritesEqualBytesForEqualExamples) {
  const ShardFile first(130, 24);
  const ShardFile second(130, 24);
  EXPECT_EQ(first.bytes, second.bytes);
}

// The worked example of docs/shard_format.md.
TEST(ShardWriter, WritesTheBytesOfTheFormatPage) {
  const TempDirectory folder;
  const auto disk = make_posix_file_system();
  DatasetInfo info = tiny_dataset_info(8, 64);
  info.vocabulary_hash = "000102030405060708090a0b0c0d0e0f";
  ShardWriter writer(*disk, folder / "shard.bin", info);
  writer.append(
      {.token_ids = {2, 5, 3, 6, 7, 3}, .first_segment_length = 3, .is_random_next = true});
  writer.finish();
  const std::string bytes = file_bytes(folder / "shard.bin");
  ASSERT_EQ(bytes.size(), 128U + 22 + 2 + 16);
  std::string hex;
  for (const char byte : bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    hex += kDigits[static_cast<unsigned char>(byte) >> 4];
    hex += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  EXPECT_EQ(hex.substr(0, 2 * 112),
            "4c414d4253485244"
            "02000000"
            "04030201"
            "80000000"
            "01"
            "00"
            "02"
            "00"
            "40000000"
            "08000000"
            "00000000"
            "01000000"
            "02000000"
            "03000000"
            "04000000"
            "40000000"
            "0100000000000000"
            "0100000000000000"
            "1600000000000000"
            "a800000000000000"
            "000102030405060708090a0b0c0d0e0f"
            "0000000000000000");
  EXPECT_EQ(hex.substr(2 * 128, 2 * 22),
            "04000000"
            "0600"
            "0300"
            "0100"
            "020005000300060007000300");
  EXPECT_EQ(hex.substr(2 * 150, 4), "0600");
  EXPECT_EQ(hex.substr(2 * 152, 16), "8000000000000000");
}

TEST(ShardWriter, LeavesNothingUnderTheNameBeforeFinish) {
  const TempDirectory folder;
  const auto disk = make_posix_file_system();
  const DatasetInfo info = tiny_dataset_info(8, 64);
  {
    ShardWriter writer(*disk, folder / "shard.bin", info);
    writer.append(tiny_example(0, info, 1));
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "shard.bin"));
}

TEST(ShardWriter, ReplacesWhatAnInterruptedRunLeft) {
  const TempDirectory folder;
  write_bytes(folder / "shard.bin.partial", "half a shard");
  const auto disk = make_posix_file_system();
  const DatasetInfo info = tiny_dataset_info(8, 64);
  ShardWriter writer(*disk, folder / "shard.bin", info);
  writer.append(tiny_example(0, info, 1));
  const DatasetInfo::Shard shard = writer.finish();
  EXPECT_EQ(shard.file, "shard.bin");
  EXPECT_EQ(shard.example_count, 1);
  EXPECT_EQ(shard.hash, hash128_hex_of_file(folder / "shard.bin"));
  EXPECT_FALSE(std::filesystem::exists(folder / "shard.bin.partial"));
}

TEST(ShardWriter, RefusesExamplesThatAReaderWouldRefuse) {
  const TempDirectory folder;
  const auto disk = make_posix_file_system();
  ShardWriter writer(*disk, folder / "shard.bin", tiny_dataset_info(8, 64));
  const Example bad[] = {
      {.token_ids = {2, 5, 3, 64, 3}, .first_segment_length = 3},
      {.token_ids = {2, 5, 3, -1, 3}, .first_segment_length = 3},
      {.token_ids = {2, 5, 3, 6, 3}, .first_segment_length = 5},
      {.token_ids = {2, 5, 3, 6, 7}, .first_segment_length = 3},
      {.token_ids = {2, 5, 3, 6, 6, 6, 6, 6, 3}, .first_segment_length = 3},
  };
  for (const Example& example : bad) {
    EXPECT_THROW(writer.append(example), InternalError);
  }
  EXPECT_THROW(writer.finish(), DataError);
}

}  // namespace
}  // namespace lambert
