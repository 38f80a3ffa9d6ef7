// SPDX-License-Identifier: Apache-2.0
#include "text/corpus_preparation.h"

#include <barrier>
#include <fstream>
#include <map>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "data/dataset.h"
#include "data/shard_reader.h"
#include "support/temp_directory.h"
#include "text/chunk_source.h"
#include "text/prepared_folder.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr std::int32_t kVocabularySize = 300;

/// A stand-in: one id for each byte that is not blank.
class ByteTokenizer final : public Tokenizer {
 public:
  explicit ByteTokenizer(fs::path file) : file_(std::move(file)) {
    std::ofstream(file_) << "vocabulary\n";
  }
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const override {
    for (const char byte : text) {
      if (byte != ' ') {
        ids.push_back(5 + static_cast<unsigned char>(byte));
      }
    }
  }
  std::int64_t vocab_size() const override { return kVocabularySize; }
  SpecialTokens special_tokens() const override {
    return {.pad = 0, .unknown = 1, .cls = 2, .sep = 3, .mask = 4};
  }
  std::string token(std::int32_t id) const override { return std::to_string(id); }
  bool cased() const override { return true; }
  std::string type() const override { return "wordpiece"; }
  fs::path file() const override { return file_; }

 private:
  fs::path file_;
};

/// A disk that fails when a name is to appear: what an interrupted run leaves behind.
class InterruptedFileSystem final : public FileSystem {
 public:
  explicit InterruptedFileSystem(int renames) : renames_left_(renames) {}
  std::unique_ptr<WritableFile> create_file(const fs::path& path) override {
    return disk_->create_file(path);
  }
  void create_directory(const fs::path& path) override { disk_->create_directory(path); }
  void sync_directory(const fs::path& path) override { disk_->sync_directory(path); }
  void rename(const fs::path& from, const fs::path& to) override {
    if (renames_left_-- <= 0) {
      throw StorageError("interrupted");
    }
    disk_->rename(from, to);
  }
  void remove_all(const fs::path& path) override { disk_->remove_all(path); }
  std::vector<std::string> list_directory(const fs::path& path) override {
    return disk_->list_directory(path);
  }
  std::uint64_t free_bytes(const fs::path& path) override { return disk_->free_bytes(path); }

 private:
  std::unique_ptr<FileSystem> disk_ = make_posix_file_system();
  int renames_left_;
};

class CorpusPreparation : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "text");
    for (int file = 0; file < 3; ++file) {
      std::ofstream stream(folder_ / ("text/" + std::to_string(file)));
      for (int document = 0; document < 12; ++document) {
        for (int line = 0; line < 6; ++line) {
          stream << "File " << file << " has document " << document << ". Its line " << line
                 << " ends here.\n";
        }
        stream << "\n";
      }
    }
  }

  PreparationSettings settings(const std::string& output) const {
    PreparationSettings settings;
    settings.inputs = {(folder_ / "text").string()};
    settings.output = folder_ / output;
    settings.examples = {.max_seq_length = 64, .seed = 1};
    settings.duplicate_factor = 2;
    settings.chunk_bytes = 2500;  // each file holds about 3.4 kB
    return settings;
  }
  void prepare(const PreparationSettings& settings, const PreparationRank& rank = {}) {
    prepare_corpus(settings, tokenizer_, *disk_, rank);
  }
  /// Every file below a folder with its content.
  static std::map<std::string, std::string> content_of(const fs::path& folder) {
    std::map<std::string, std::string> content;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) {
        content[fs::relative(entry.path(), folder).string()] = read_file(entry.path(), 1 << 28);
      }
    }
    return content;
  }

  TempDirectory folder_;
  ByteTokenizer tokenizer_{folder_ / "vocab.txt"};
  std::unique_ptr<FileSystem> disk_ = make_posix_file_system();
};

TEST_F(CorpusPreparation, WritesAFolderWhoseIndexAddsUp) {
  prepare(settings("out"));
  const DatasetInfo info = read_dataset_info(folder_ / "out");
  EXPECT_EQ(info.document_count, 36);
  EXPECT_EQ(info.sentence_count, 36 * 12);
  EXPECT_EQ(info.tokenizer_file, "vocab.txt");
  EXPECT_TRUE(fs::exists(folder_ / "out/vocab.txt"));
  ASSERT_GE(info.shards.size(), 6U);  // several chunks, two passes
  std::int64_t examples = 0;
  for (const DatasetInfo::Shard& shard : info.shards) {
    examples += ShardReader(folder_ / "out" / shard.file).example_count();
  }
  EXPECT_EQ(examples, info.example_count);
  EXPECT_GT(examples, 100);
}

TEST_F(CorpusPreparation, GivesTheSameBytesForAnyWorkerCount) {
  PreparationSettings one = settings("one");
  PreparationSettings many = settings("many");
  many.workers = 4;
  prepare(one);
  prepare(many);
  EXPECT_EQ(content_of(one.output), content_of(many.output));
}

TEST_F(CorpusPreparation, GivesTheSameBytesForAnyRankCount) {
  prepare(settings("single"));
  const auto single = content_of(folder_ / "single");
  for (const int ranks : {2, 3, 7}) {
    const PreparationSettings shared = settings("ranks-" + std::to_string(ranks));
    std::barrier all(ranks);
    {
      std::vector<std::jthread> threads;
      for (int rank = 0; rank < ranks; ++rank) {
        threads.emplace_back([this, &shared, &all, rank, ranks] {
          prepare(shared, {rank, ranks, [&all] { all.arrive_and_wait(); }});
        });
      }
    }
    EXPECT_EQ(content_of(shared.output), single) << ranks;
  }
}

TEST_F(CorpusPreparation, EndsWithTheSameBytesAfterAnInterruptionAnywhere) {
  prepare(settings("whole"));
  const auto whole = content_of(folder_ / "whole");
  // Plan, two shards and a record for each chunk, tokenizer, index.
  const int all_renames =
      3 + 3 * static_cast<int>(read_dataset_info(folder_ / "whole").shards.size() / 2);
  for (int renames = 0; renames < all_renames; renames += 3) {
    const PreparationSettings interrupted = settings("interrupted-" + std::to_string(renames));
    InterruptedFileSystem failing(renames);
    EXPECT_THROW(prepare_corpus(interrupted, tokenizer_, failing, {}), StorageError) << renames;
    EXPECT_FALSE(fs::exists(interrupted.output / kDatasetIndexFile));
    prepare(interrupted);
    EXPECT_EQ(content_of(interrupted.output), whole) << renames;
  }
}

TEST_F(CorpusPreparation, LeavesACompleteFolderAlone) {
  prepare(settings("out"));
  const auto before = fs::last_write_time(folder_ / "out" / kDatasetIndexFile);
  prepare(settings("out"));
  EXPECT_EQ(fs::last_write_time(folder_ / "out" / kDatasetIndexFile), before);
}

TEST_F(CorpusPreparation, RefusesToMixTwoPlansInOneFolder) {
  prepare(settings("out"));
  PreparationSettings other = settings("out");
  other.examples.seed = 2;
  try {
    prepare(other);
    FAIL() << "no error";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("(seed)"));
  }
}

TEST_F(CorpusPreparation, KeepsFinishedChunksWhenBadTextIsAllowedAfterAStop) {
  std::ofstream(folder_ / "text/2", std::ios::app) << "bad \xc3\x28\n";
  PreparationSettings skipping = settings("skipped");
  skipping.corpus.skip_bad_text = true;
  prepare(skipping);
  PreparationSettings stopped = settings("stopped");
  EXPECT_THROW(prepare(stopped), DataError);
  ASSERT_TRUE(fs::exists(stopped.output / "shard-00000-00000-00.bin"));
  const auto finished = fs::last_write_time(stopped.output / "shard-00000-00000-00.bin");
  stopped.examples.seed = 2;
  EXPECT_THROW(prepare(stopped), ConfigError);  // finished chunks have the other seed
  stopped.examples.seed = 1;
  stopped.corpus.skip_bad_text = true;
  prepare(stopped);
  EXPECT_EQ(fs::last_write_time(stopped.output / "shard-00000-00000-00.bin"), finished);
  EXPECT_EQ(content_of(stopped.output), content_of(skipping.output));
}

TEST_F(CorpusPreparation, StartsAnewWithOtherSettingsWhenNothingWasFinished) {
  const PreparationSettings first = settings("out");
  InterruptedFileSystem failing(1);  // the plan is stored, no shard
  EXPECT_THROW(prepare_corpus(first, tokenizer_, failing, {}), StorageError);
  PreparationSettings other = settings("other");
  other.examples.seed = 2;
  prepare(other);
  other.output = first.output;
  prepare(other);
  EXPECT_EQ(content_of(folder_ / "out"), content_of(folder_ / "other"));
}

TEST_F(CorpusPreparation, RefusesOtherSettingsWhenAShardStandsWithoutItsRecord) {
  const PreparationSettings first = settings("out");
  InterruptedFileSystem failing(2);  // plan and one shard
  EXPECT_THROW(prepare_corpus(first, tokenizer_, failing, {}), StorageError);
  ASSERT_TRUE(fs::exists(first.output / "shard-00000-00000-00.bin"));
  PreparationSettings other = first;
  other.examples.seed = 2;
  EXPECT_THROW(prepare(other), ConfigError);
}

TEST_F(CorpusPreparation, RefusesASecondWriter) {
  fs::create_directories(folder_ / "out");
  PreparedFolder first(*disk_, folder_ / "out");
  first.open("{}\n");
  PreparedFolder second(*disk_, folder_ / "out");
  try {
    second.open("{}\n");
    FAIL() << "no error";
  } catch (const BusyError& error) {
    EXPECT_THAT(error.what(), HasSubstr("process " + std::to_string(::getpid())));
  }
}

TEST_F(CorpusPreparation, RefusesAFolderOfSomethingElse) {
  fs::create_directories(folder_ / "out");
  std::ofstream(folder_ / "out/precious") << "data";
  EXPECT_THROW(prepare(settings("out")), ConfigError);
}

TEST_F(CorpusPreparation, RefusesAnOutputInsideTheInput) {
  EXPECT_THROW(prepare(settings("text/out")), DataError);
}

TEST_F(CorpusPreparation, EndsWithADataErrorWhenNothingIsUsable) {
  PreparationSettings blank = settings("out");
  std::ofstream(folder_ / "blank") << "\n \n";
  blank.inputs = {(folder_ / "blank").string()};
  EXPECT_THROW(prepare(blank), DataError);
  EXPECT_FALSE(fs::exists(folder_ / "out" / kDatasetIndexFile));
}

TEST_F(CorpusPreparation, StopsAllWorkersAtTheFirstBadText) {
  std::ofstream(folder_ / "text/3") << "bad \xFF\n";
  PreparationSettings bad = settings("out");
  bad.workers = 3;
  EXPECT_THROW(prepare(bad), DataError);
  bad.output = folder_ / "skipped";
  bad.corpus.skip_bad_text = true;
  prepare(bad);
  EXPECT_EQ(read_dataset_info(bad.output).document_count, 36);
}

TEST(ChunkReader, CutsAGroupIntoPiecesOfSimilarSizeAndNumbersItsDocuments) {
  const TempDirectory folder;
  {
    std::ofstream stream(folder / "large");
    const std::string line(1 << 10, 'x');
    for (int document = 0; document < 27; ++document) {
      stream << line << "\n\n";
    }
  }
  ChunkReader reader(3, {folder / "large"}, {}, 8 << 10);
  std::vector<std::size_t> sizes;
  Chunk chunk;
  std::uint64_t next_document = 3ULL << 40U;
  std::int64_t bytes = 0;
  while (reader.next(chunk)) {
    EXPECT_EQ(chunk.first_document, next_document);
    next_document += chunk.documents.size();
    bytes += chunk.counts.text_bytes;
    sizes.push_back(chunk.documents.size());
  }
  EXPECT_THAT(sizes, ::testing::ElementsAre(8U, 8U, 11U));
  EXPECT_TRUE(chunk.is_last_of_group);
  EXPECT_EQ(bytes, static_cast<std::int64_t>(fs::file_size(folder / "large")));
}

}  // namespace
}  // namespace lambert
