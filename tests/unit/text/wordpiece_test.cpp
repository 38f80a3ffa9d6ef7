// SPDX-License-Identifier: Apache-2.0
#include "text/wordpiece.h"

#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lambert {
namespace {

using testing::ElementsAre;

WordPieceTokenizer tokenizer_with(const std::string& tokens, const char* name) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / name;
  std::ofstream(path) << "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n" << tokens;
  return {path, false};
}

std::vector<std::int32_t> encode(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::int32_t> ids;
  tokenizer.encode(text, ids);
  return ids;
}

TEST(WordPiece, TakesTheLongestPieceFirst) {
  const auto tokenizer = tokenizer_with("un\n##aff\n##able\n##a\nunaff\n", "wordpiece_longest");
  EXPECT_THAT(encode(tokenizer, "unaffable"), ElementsAre(9, 7));
}

TEST(WordPiece, AWordThatCannotBeSpelledOutIsOneUnknown) {
  const auto tokenizer = tokenizer_with("un\n##aff\n", "wordpiece_unknown");
  EXPECT_THAT(encode(tokenizer, "unaffx un x"), ElementsAre(1, 5, 1));
}

TEST(WordPiece, AppendsToWhatIsThere) {
  const auto tokenizer = tokenizer_with("a\n", "wordpiece_append");
  std::vector<std::int32_t> ids = {42};
  tokenizer.encode("a zz", ids);
  EXPECT_THAT(ids, ElementsAre(42, 5, 1));
}

TEST(WordPiece, SpecialTokensInTheTextAreText) {
  const auto tokenizer = tokenizer_with("[\nmask\n]\n", "wordpiece_special");
  EXPECT_THAT(encode(tokenizer, "[MASK]"), ElementsAre(5, 6, 7));
}

TEST(WordPiece, VocabularyWithoutContinuationsGivesUnknowns) {
  const auto tokenizer = tokenizer_with("a\n", "wordpiece_plain");
  EXPECT_THAT(encode(tokenizer, "a ab"), ElementsAre(5, 1));
}

TEST(WordPiece, OneObjectServesManyThreads) {
  const auto tokenizer = tokenizer_with("un\n##aff\n##able\n\xC3\xA9\n", "wordpiece_threads");
  const std::string text = "unaffable un \xC3\x89 unaff \xC3\xA9";
  const std::vector<std::int32_t> expected = encode(tokenizer, text);
  std::vector<std::vector<std::int32_t>> results(4);
  std::vector<std::thread> threads;
  threads.reserve(results.size());
  for (auto& result : results) {
    threads.emplace_back([&tokenizer, &text, &result] {
      for (int i = 0; i < 200; ++i) {
        result.clear();
        tokenizer.encode(text, result);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_THAT(results, testing::Each(expected));
}

}  // namespace
}  // namespace lambert
