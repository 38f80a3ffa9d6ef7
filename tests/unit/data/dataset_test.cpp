// SPDX-License-Identifier: Apache-2.0
#include "data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/prepared_dataset.h"
#include "unit/data/shard_file.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class DatasetTest : public testing::Test {
 protected:
  DatasetTest() { make_tiny_dataset(folder_.path(), 10, 16); }

  /// Replaces the first occurrence of a piece of index.json.
  void edit_index(const std::string& from, const std::string& to) const {
    std::string text = file_bytes(folder_ / "index.json");
    const std::size_t place = text.find(from);
    ASSERT_NE(place, std::string::npos) << from;
    write_bytes(folder_ / "index.json", text.replace(place, from.size(), to));
  }

  std::string mistake() const {
    try {
      PreparedDataset dataset(folder_.path());
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  }

  TempDirectory folder_;
};

TEST_F(DatasetTest, WritesWhatItReadsByteForByte) {
  const DatasetInfo info = read_dataset_info(folder_.path());
  EXPECT_EQ(write_dataset_info(info), file_bytes(folder_ / "index.json"));
  EXPECT_EQ(info.example_count, 10);
  EXPECT_EQ(info.special_tokens.mask, 4);
  ASSERT_EQ(info.shards.size(), 2U);
  EXPECT_EQ(info.shards[1].example_count, 5);
}

TEST_F(DatasetTest, ReadsExamplesAcrossShards) {
  PreparedDataset dataset(folder_.path());
  for (const std::int64_t i : {9, 0, 4, 5}) {
    EXPECT_EQ(dataset.read(i).token_ids, tiny_example(i, dataset.info(), 1).token_ids) << i;
  }
}

TEST_F(DatasetTest, RefusesWhatIsNotExactlyAnIndex) {
  const std::pair<const char*, const char*> edits[] = {
      {"\"format_version\": 2", "\"format_version\": 1"},
      {"\"format_version\": 2", "\"format_version\": 2, \"format_version\": 2"},
      {"\"pad\": 0", "\"pad\": 0, \"pad\": 0"},
      {"\"format_version\"", "\"colour\": 1, \"format_version\""},
      {"\"max_seq_length\": 16", "\"max_seq_length\": -16"},
      {"\"max_seq_length\": 16", "\"max_seq_length\": 16.5"},
      {"\"max_seq_length\": 16", "\"max_seq_length\": \"16\""},
      {"\"max_seq_length\": 16", "\"max_seq_length\": 99999999999999999999"},
      {"\"max_seq_length\": 16", "\"max_seq_length\": 18446744073709551615"},
      {"\"vocab_size\": 64", "\"vocab_size\": 4294967296"},
      {"\"mask\": 4", "\"mask\": 64"},
      {"\"cased\": false", "\"cased\": 0"},
      {"wordpiece", "wordpieces"},
      {"\"example_count\": 10", "\"example_count\": 11"},
      {"\"example_count\": 10", "\"example_count\": 9"},
      {"\"example_count\": 5", "\"example_count\": 9223372036854775807"},
      {"vocab.txt", "../vocab.txt"},
      {"vocab.txt", "index.json"},
      {"shard-00000.bin", "/etc/passwd"},
      {"shard-00000.bin", ".."},
      {"shard-00000.bin", ""},
      {"shard-00000.bin", "a\\u0000b"},
      {"shard-00000.bin", "shard-00001.bin"},
      {"\"shards\": [", "\"shards\": [7,"},
      {"\"hash\": \"", "\"hash\": \"X"},
      {"{", "["},
      {"{", "{\xff"},
  };
  const std::string good = file_bytes(folder_ / "index.json");
  for (const auto& [from, to] : edits) {
    edit_index(from, to);
    EXPECT_THAT(mistake(), HasSubstr("index.json")) << from << " -> " << to;
    write_bytes(folder_ / "index.json", good);
  }
  EXPECT_EQ(mistake(), "");
}

TEST_F(DatasetTest, SurvivesDeepNestingAndEmptyAndHugeFiles) {
  write_bytes(folder_ / "index.json", std::string(100000, '['));
  EXPECT_NE(mistake(), "");
  write_bytes(folder_ / "index.json", "");
  EXPECT_NE(mistake(), "");
  fs::resize_file(folder_ / "index.json", std::uintmax_t{1} << 34);
  EXPECT_NE(mistake(), "");
  fs::remove(folder_ / "index.json");
  EXPECT_THAT(mistake(), HasSubstr("index.json"));
}

TEST_F(DatasetTest, RefusesAMissingShard) {
  fs::remove(folder_ / "shard-00001.bin");
  EXPECT_THAT(mistake(), HasSubstr("shard-00001.bin"));
}

TEST_F(DatasetTest, RefusesADuplicatedShardAndNamesBothFiles) {
  fs::copy_file(folder_ / "shard-00000.bin", folder_ / "shard-00001.bin",
                fs::copy_options::overwrite_existing);
  EXPECT_THAT(mistake(), AllOf(HasSubstr("shard-00000.bin"), HasSubstr("shard-00001.bin")));
}

TEST_F(DatasetTest, RefusesAShardOfAnotherVocabularyAndNamesBothFiles) {
  make_tiny_dataset(folder_ / "other", 10, 16, 65);
  fs::copy_file(folder_ / "other/shard-00000.bin", folder_ / "shard-00000.bin",
                fs::copy_options::overwrite_existing);
  EXPECT_THAT(mistake(), AllOf(HasSubstr("shard-00000.bin"), HasSubstr("index.json"),
                               HasSubstr("vocabulary hash")));
}

TEST_F(DatasetTest, RefusesAnotherVocabularyFile) {
  write_bytes(folder_ / "vocab.txt", tiny_vocabulary(63));
  EXPECT_THAT(mistake(), AllOf(HasSubstr("vocab.txt"), HasSubstr("vocabulary hash")));
  fs::remove(folder_ / "vocab.txt");
  EXPECT_THAT(mistake(), HasSubstr("vocab.txt"));
}

}  // namespace
}  // namespace lambert
