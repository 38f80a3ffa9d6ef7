// SPDX-License-Identifier: Apache-2.0
#include "data/folder_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "unit/data/shard_file.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

auto mistake(const std::string& file, const std::string& found) {
  return AllOf(Field(&FolderMistake::file, file), Field(&FolderMistake::found, HasSubstr(found)));
}

class FolderCheck : public testing::Test {
 protected:
  FolderCheck() { make_tiny_dataset(folder_.path(), 200, 16); }

  std::vector<FolderMistake> check() const { return check_prepared_folder(folder_.path()); }

  TempDirectory folder_;
};

TEST_F(FolderCheck, FindsNothingInAFreshFolder) {
  EXPECT_TRUE(check().empty());
}

TEST_F(FolderCheck, NamesSwappedShards) {
  fs::rename(folder_ / "shard-00000.bin", folder_ / "x");
  fs::rename(folder_ / "shard-00001.bin", folder_ / "shard-00000.bin");
  fs::rename(folder_ / "x", folder_ / "shard-00001.bin");
  EXPECT_THAT(check(), ElementsAre(mistake("shard-00000.bin", "shard-00001.bin"),
                                   mistake("shard-00001.bin", "shard-00000.bin")));
}

TEST_F(FolderCheck, NamesMissingDuplicatedAndExtraShards) {
  fs::remove(folder_ / "shard-00000.bin");
  EXPECT_THAT(check(), ElementsAre(mistake("shard-00000.bin", "No such file")));
  fs::copy_file(folder_ / "shard-00001.bin", folder_ / "shard-00000.bin");
  EXPECT_THAT(check(), ElementsAre(mistake("shard-00000.bin", "content of shard-00001.bin")));
  fs::copy_file(folder_ / "shard-00001.bin", folder_ / "shard-00002.bin");
  EXPECT_THAT(check(), ElementsAre(mistake("shard-00000.bin", "shard-00001.bin"),
                                   mistake("shard-00002.bin", "does not list")));
}

TEST_F(FolderCheck, NamesTheDamagedBlock) {
  std::string bytes = file_bytes(folder_ / "shard-00001.bin");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_bytes(folder_ / "shard-00001.bin", bytes);
  EXPECT_THAT(check(), ElementsAre(mistake("shard-00001.bin", "block 0, record")));
}

TEST_F(FolderCheck, NamesAValidShardOfAnotherRun) {
  make_tiny_dataset(folder_ / "other", 200, 16, 64, 2);
  fs::rename(folder_ / "other/shard-00000.bin", folder_ / "shard-00000.bin");
  fs::remove_all(folder_ / "other");
  EXPECT_THAT(check(), ElementsAre(mistake("shard-00000.bin", "another run")));
}

TEST_F(FolderCheck, NamesAnotherVocabularyAndDoesNotWaitForAPipe) {
  write_bytes(folder_ / "vocab.txt", "x");
  fs::remove(folder_ / "shard-00000.bin");
  ASSERT_EQ(::mkfifo((folder_ / "shard-00000.bin").c_str(), 0600), 0);
  EXPECT_THAT(check(), ElementsAre(mistake("vocab.txt", "vocabulary hash"),
                                   mistake("shard-00000.bin", "not a regular file")));
}

}  // namespace
}  // namespace lambert
