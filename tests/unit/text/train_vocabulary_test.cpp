// SPDX-License-Identifier: Apache-2.0
#include "text/train_vocabulary.h"

#include <csignal>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file_system.h"
#include "text/child_process.h"
#include "text/sentencepiece_trainer.h"
#include "text/tokenizer.h"

namespace lambert {
namespace {

using testing::HasSubstr;

std::filesystem::path fresh_folder(const std::string& name) {
  const auto folder = std::filesystem::path(testing::TempDir()) / ("train_vocabulary_" + name);
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  std::ofstream text(folder / "text.txt");
  for (int i = 0; i < 60; ++i) {
    text << "The quick brown fox number " << i
         << " jumps over the lazy dog, and the dog sleeps on.\n\n";
  }
  return folder;
}

VocabularyTraining training_in(const std::filesystem::path& folder, const std::string& type,
                               std::int64_t size) {
  return {
      .type = type, .size = size, .output = folder / "out" / type, .text = {folder / "text.txt"}};
}

std::vector<std::int32_t> encode(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::int32_t> ids;
  tokenizer.encode(text, ids);
  return ids;
}

TEST(TrainVocabulary, WordPieceVocabularyLoadsWithItsCasing) {
  const auto folder = fresh_folder("wordpiece");
  auto training = training_in(folder, "wordpiece", 80);
  training.cased = true;
  train_vocabulary(training);
  const auto tokenizer = load_tokenizer(training.output, false);
  EXPECT_TRUE(tokenizer->cased());
  EXPECT_EQ(tokenizer->vocab_size(), 80);
  EXPECT_EQ(tokenizer->special_tokens().mask, 4);
  EXPECT_NE(encode(*tokenizer, "The"), encode(*tokenizer, "the"));
}

TEST(TrainVocabulary, SentencePieceModelsHaveTheIdsOfAlbert) {
  const auto folder = fresh_folder("sentencepiece");
  for (const std::string type : {"unigram", "bpe"}) {
    const auto training = training_in(folder, type, 60);
    train_vocabulary(training);
    const auto tokenizer = load_tokenizer(training.output, false);
    EXPECT_EQ(tokenizer->file().filename(), "spiece.model");
    EXPECT_LE(tokenizer->vocab_size(), 60);
    EXPECT_EQ(tokenizer->token(0), "<pad>");
    const SpecialTokens special = tokenizer->special_tokens();
    EXPECT_EQ(special.unknown, 1);
    EXPECT_EQ(special.cls, 2);
    EXPECT_EQ(special.sep, 3);
    EXPECT_EQ(special.mask, 4);
    EXPECT_FALSE(tokenizer->cased());
    EXPECT_EQ(encode(*tokenizer, "THE DOG"), encode(*tokenizer, "the dog"));
  }
}

TEST(TrainVocabulary, EqualTextGivesEqualBytes) {
  const auto folder = fresh_folder("repeat");
  for (const std::string type : {"wordpiece", "unigram"}) {
    const std::string file = type == "wordpiece" ? "vocab.txt" : "spiece.model";
    auto training = training_in(folder, type, 70);
    train_vocabulary(training);
    const std::string first = read_file(training.output / file, 1U << 20U);
    training.output += "-again";
    train_vocabulary(training);
    EXPECT_EQ(read_file(training.output / file, 1U << 20U), first) << type;
  }
}

TEST(TrainVocabulary, RefusesToOverwriteATokenizer) {
  const auto folder = fresh_folder("overwrite");
  train_vocabulary(training_in(folder, "wordpiece", 100));
  EXPECT_THROW(train_vocabulary(training_in(folder, "wordpiece", 100)), ConfigError);
}

TEST(TrainVocabulary, RefusesImpossibleSizes) {
  const auto folder = fresh_folder("size");
  for (const std::int64_t size :
       {std::int64_t{-1}, std::int64_t{0}, std::int64_t{31}, std::int64_t{1'000'001}}) {
    EXPECT_THROW(train_vocabulary(training_in(folder, "wordpiece", size)), ConfigError) << size;
  }
}

TEST(TrainVocabulary, MissingTextIsNamedAndNothingIsWritten) {
  const auto folder = fresh_folder("missing");
  for (const std::string type : {"wordpiece", "bpe"}) {
    auto training = training_in(folder, type, 100);
    training.text = {folder / "absent.txt"};
    try {
      train_vocabulary(training);
      FAIL();
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr("absent.txt"));
    }
    EXPECT_FALSE(std::filesystem::exists(training.output));
  }
}

TEST(ChildProcess, ReturnsWhatTheWorkReturned) {
  const std::string large(1'000'000, 'x');
  EXPECT_EQ(run_in_child_process([&large] { return large; }, "working"), large);
}

TEST(ChildProcess, ASignalBecomesADataError) {
  try {
    run_in_child_process(
        []() -> std::string {
          ::raise(SIGKILL);
          return "";
        },
        "loading model x");
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("loading model x: the library ended by signal 9"));
  }
}

TEST(ChildProcess, ExceptionsKeepTheirMessage) {
  EXPECT_THROW(run_in_child_process([]() -> std::string { throw DataError("bad"); }, "x"),
               DataError);
  try {
    run_in_child_process([]() -> std::string { throw std::runtime_error("reason"); }, "x");
    FAIL();
  } catch (const DataError& error) {
    EXPECT_STREQ(error.what(), "x: reason");
  }
}

TEST(LineSample, KeepsEverythingBelowItsLimit) {
  LineSample sample;
  sample.add_line("a");
  sample.add_line("b");
  EXPECT_THAT(sample.lines(), testing::ElementsAre("a", "b"));
}

TEST(LineSample, StaysBelowItsLimitAndSpreadsOverTheText) {
  LineSample sample(100'000);
  for (int i = 0; i < 20'000; ++i) {
    sample.add_line(std::to_string(i) + std::string(60, 'x'));
  }
  EXPECT_GT(sample.lines().size(), 300U);
  EXPECT_LT(sample.lines().size(), 1100U);
  EXPECT_GT(std::stoi(sample.lines().back()), 18'000);
  EXPECT_LT(std::stoi(sample.lines().front()), 2'000);
}

TEST(LineSample, CutsLongLinesAtSpacesAndNeverInsideCharacters) {
  LineSample spaced;
  spaced.add_line(std::string(4000, 'a') + " " + std::string(4000, 'b'));
  EXPECT_THAT(spaced.lines(),
              testing::ElementsAre(std::string(4000, 'a'), " " + std::string(4000, 'b')));
  std::string accents = "a";
  for (int i = 0; i < 3000; ++i) {
    accents += "\xC3\xA9";
  }
  LineSample dense;
  dense.add_line(accents);
  ASSERT_EQ(dense.lines().size(), 2U);
  EXPECT_EQ(dense.lines()[0].size(), 4095U);
  EXPECT_EQ(dense.lines()[0] + dense.lines()[1], accents);
}

}  // namespace
}  // namespace lambert
