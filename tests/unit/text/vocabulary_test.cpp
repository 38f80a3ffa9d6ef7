// SPDX-License-Identifier: Apache-2.0
#include "text/vocabulary.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace lambert {
namespace {

using testing::HasSubstr;

constexpr const char* kSpecial = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";

std::string message_for(const std::string& content) {
  const std::filesystem::path path =
      std::filesystem::path(testing::TempDir()) / "vocabulary_test_vocab.txt";
  std::ofstream(path, std::ios::binary) << content;
  try {
    read_vocabulary(path);
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

TEST(Vocabulary, PublishedBertVocabulariesLoad) {
  const std::string folder = std::string(LAMBERT_FIXTURES) + "/tokenizer/";
  const Vocabulary uncased = read_vocabulary(folder + "bert-base-uncased-vocab.txt");
  EXPECT_EQ(uncased.size(), 30522);
  EXPECT_EQ(uncased.special_tokens().cls, 101);
  EXPECT_EQ(uncased.special_tokens().mask, 103);
  EXPECT_EQ(uncased.find("hello"), 7592);
  EXPECT_EQ(read_vocabulary(folder + "bert-base-cased-vocab.txt").size(), 28996);
}

TEST(Vocabulary, LastLineMayLackItsEnd) {
  EXPECT_EQ(message_for(std::string(kSpecial) + "a"), "");
}

TEST(Vocabulary, IdsFollowTheLinesWhereverTheSpecialTokensAre) {
  const Vocabulary vocabulary({"a", "[MASK]", "[SEP]", "[CLS]", "[UNK]", "[PAD]"}, "test");
  EXPECT_EQ(vocabulary.special_tokens().pad, 5);
  EXPECT_EQ(vocabulary.special_tokens().mask, 1);
  EXPECT_EQ(vocabulary.token(0), "a");
}

struct Fault {
  const char* name;
  std::string content;
  const char* expected;
};

class VocabularyFault : public testing::TestWithParam<Fault> {};

TEST_P(VocabularyFault, IsNamedWithItsLine) {
  EXPECT_THAT(message_for(GetParam().content), HasSubstr(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(
    All, VocabularyFault,
    testing::Values(
        Fault{"Empty", "", "the file is empty"},
        Fault{"EmptyLine", "[PAD]\n\na\n", ":2: empty line"},
        Fault{"CarriageReturn", "[PAD]\r\n[UNK]\r\n", ":1: line ends in CR LF"},
        Fault{"ByteOrderMark", "\xEF\xBB\xBF[PAD]\n", ":1: starts with a byte order mark"},
        Fault{"InvalidUtf8", "[PAD]\nab\xFF\n", ":2: invalid UTF-8 at byte 2 of the line (ff)"},
        Fault{"TrailingBlank", "[PAD]\na \n", ":2: blank before or after"},
        Fault{"LeadingTab", "[PAD]\n\ta\n", ":2: blank before or after"},
        Fault{"Nul", std::string("[PAD]\na\0b\n", 10), ":2: NUL character"},
        Fault{"Duplicate", "[PAD]\na\nb\na\n", ":4: the same token as in line 2"},
        Fault{"LongToken", "[PAD]\n" + std::string(101, 'a') + "\n", ":2: token of 101 characters"},
        Fault{"MissingSpecial", "[PAD]\n[UNK]\n[CLS]\na\n", "is [SEP], [MASK]"},
        Fault{"TooManyLines",
              [] {
                std::string lines;
                for (int i = 0; i < 1'000'001; ++i) {
                  lines += "a\n";
                }
                return lines;
              }(),
              ":1000001: more than 1000000 lines"}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(Vocabulary, MissingFileIsDataError) {
  EXPECT_THROW(read_vocabulary("/nonexistent/vocab.txt"), DataError);
}

}  // namespace
}  // namespace lambert
