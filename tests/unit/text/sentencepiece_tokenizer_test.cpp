// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece_tokenizer.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file_system.h"

namespace lambert {
namespace {

using testing::HasSubstr;

std::string fixture(const std::string& name) {
  return std::string(LAMBERT_FIXTURES) + "/tokenizer/" + name;
}

std::vector<std::string> pieces_of(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::int32_t> ids;
  tokenizer.encode(text, ids);
  std::vector<std::string> pieces;
  for (const std::int32_t id : ids) {
    pieces.push_back(tokenizer.token(id));
  }
  return pieces;
}

TEST(SentencePieceTokenizer, FindsSpecialTokensByName) {
  const SentencePieceTokenizer tokenizer(fixture("sp-unigram-uncased-16k.model"));
  const SpecialTokens special = tokenizer.special_tokens();
  EXPECT_EQ(special.pad, 0);
  EXPECT_EQ(special.unknown, 1);
  EXPECT_EQ(special.cls, 2);
  EXPECT_EQ(special.sep, 3);
  EXPECT_EQ(special.mask, 4);
  EXPECT_EQ(tokenizer.vocab_size(), 16000);
  EXPECT_FALSE(tokenizer.cased());
}

TEST(SentencePieceTokenizer, ModelWithoutSpecialTokensEncodesButNamesWhatItLacks) {
  const SentencePieceTokenizer tokenizer(fixture("sp-bpe-cased-8k.model"));
  EXPECT_TRUE(tokenizer.cased());
  EXPECT_FALSE(pieces_of(tokenizer, "Hello").empty());
  try {
    tokenizer.special_tokens();
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no piece [CLS], [SEP], [MASK]"));
  }
}

TEST(SentencePieceTokenizer, SpecialTokensInTheTextAreText) {
  const SentencePieceTokenizer tokenizer(fixture("sp-unigram-uncased-16k.model"));
  EXPECT_THAT(pieces_of(tokenizer, "a [MASK]"), testing::Not(testing::Contains("[MASK]")));
}

TEST(SentencePieceTokenizer, InvalidBytesAreDroppedBeforeEncoding) {
  const SentencePieceTokenizer tokenizer(fixture("sp-unigram-uncased-16k.model"));
  EXPECT_EQ(pieces_of(tokenizer, "the qu\xFFick \xE2\x82 fox"),
            pieces_of(tokenizer, "the quick  fox"));
}

// Flipped bits may leave a loadable model; what counts is that nothing but a DataError comes out of
// the others.
TEST(SentencePieceTokenizer, FlippedBitsNeverEndTheProcess) {
  const std::string model = read_file(fixture("sp-test-1k.model"), 1U << 20U);
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "flipped.model";
  std::size_t refused = 0;
  constexpr std::size_t kTrials = 60;
  for (std::size_t i = 0; i < kTrials; ++i) {
    std::string damaged = model;
    damaged[(i * 4219 + 11) % model.size()] ^= static_cast<char>(1U << (i % 8));
    std::ofstream(path, std::ios::binary) << damaged;
    try {
      const SentencePieceTokenizer tokenizer(path);
      pieces_of(tokenizer, "a trial \xC3\xA9 \xE4\xB8\x80 \xEF\xBC\xA1");
    } catch (const DataError&) {
      ++refused;
    }
  }
  EXPECT_LT(refused, kTrials);
}

TEST(LoadTokenizer, FindsTheOneFileOfAFolder) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "load_tokenizer";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  EXPECT_THROW(load_tokenizer(folder, false), DataError);
  std::filesystem::copy_file(fixture("bert-base-cased-vocab.txt"), folder / "vocab.txt");
  EXPECT_FALSE(load_tokenizer(folder, false)->cased());
  std::ofstream(folder / "tokenizer_config.json") << R"({"do_lower_case": false})";
  EXPECT_TRUE(load_tokenizer(folder, false)->cased());
  std::filesystem::copy_file(fixture("sp-test-1k.model"), folder / "spiece.model");
  EXPECT_THROW(load_tokenizer(folder, false), DataError);
  std::filesystem::remove(folder / "vocab.txt");
  EXPECT_EQ(load_tokenizer(folder, false)->type(), "sentencepiece");
}

TEST(LoadTokenizer, CasedAgainstARecordedLowerCasingIsRefused) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / "load_tokenizer_casing";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  std::filesystem::copy_file(fixture("bert-base-uncased-vocab.txt"), folder / "vocab.txt");
  std::ofstream(folder / "tokenizer_config.json") << R"({"do_lower_case": true})";
  EXPECT_THROW(load_tokenizer(folder, true), DataError);
}

}  // namespace
}  // namespace lambert
