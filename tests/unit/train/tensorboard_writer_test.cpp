// SPDX-License-Identifier: Apache-2.0
#include "train/tensorboard_writer.h"

#include <cstring>
#include <iterator>

#include <gtest/gtest.h>

#include "support/temp_directory.h"

namespace lambert {
namespace {

std::string only_file_in(const std::filesystem::path& folder) {
  std::ifstream file(std::filesystem::directory_iterator(folder)->path(), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(TensorBoardWriter, FramesRecordsAsTfRecords) {
  const TempDirectory folder;
  { TensorBoardWriter(folder / "runs", 0).write_scalars(3, {{"train/loss", 1.5}}); }
  const std::string content = only_file_in(folder / "runs");
  // The first record: wall time (9 bytes) and the version string (15 bytes).
  std::uint64_t length = 0;
  std::memcpy(&length, content.data(), sizeof(length));
  EXPECT_EQ(length, 24U);
  // Masked CRC-32C of the eight length bytes 18 00 00 00 00 00 00 00, as TensorFlow writes it into
  // every event file.
  EXPECT_EQ(content.substr(8, 4), std::string("\xa3\x7f\x4b\x22", 4));
  EXPECT_NE(content.find("brain.Event:2"), std::string::npos);
  EXPECT_NE(content.find("train/loss"), std::string::npos);
}

TEST(TensorBoardWriter, IsUnhealthyWhenTheFolderCannotBeMade) {
  const TempDirectory folder;
  std::ofstream(folder / "runs") << "a file";
  EXPECT_FALSE(TensorBoardWriter(folder / "runs", 0).healthy());
}

}  // namespace
}  // namespace lambert
