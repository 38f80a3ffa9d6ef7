// SPDX-License-Identifier: Apache-2.0
#include "text/normalizer.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lambert {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class WordList : public WordSink {
 public:
  void take_word(std::string_view word) override { words.emplace_back(word); }
  void take_overlong_word() override { words.emplace_back("<overlong>"); }
  std::vector<std::string> words;
};

std::vector<std::string> split(std::string_view text, bool cased = false) {
  WordList list;
  Normalizer(cased).split(text, list);
  return list.words;
}

TEST(Normalizer, LowersAndSplitsAtPunctuation) {
  EXPECT_THAT(split("Hello,\tWORLD! $5"), ElementsAre("hello", ",", "world", "!", "$", "5"));
}

TEST(Normalizer, KeepsCaseAndAccentsWhenCased) {
  EXPECT_THAT(split("Na\u00EFve e\u0301", true), ElementsAre("Na\u00EFve", "e\u0301"));
}

TEST(Normalizer, StripsAccentsWhenUncased) {
  EXPECT_THAT(split("Na\u00EFve e\u0301 \u00C5"), ElementsAre("naive", "e", "a"));
}

TEST(Normalizer, ControlCharactersVanishAndJoinTheirNeighbours) {
  EXPECT_THAT(split("a\u00ADb c\u200Bd e\u0085f g\x01h"), ElementsAre("ab", "cd", "ef", "gh"));
}

TEST(Normalizer, SplitsAtUnicodeSpacesAndLineSeparators) {
  EXPECT_THAT(split("a\u00A0b\u2028c\u3000d"), ElementsAre("a", "b", "c", "d"));
}

TEST(Normalizer, IdeographsStandAloneAndKanaDoNot) {
  EXPECT_THAT(split("\u4E00\u4E8Cab\u3042\u3044"),
              ElementsAre("\u4E00", "\u4E8C", "ab\u3042\u3044"));
}

TEST(Normalizer, FinalSigmaDependsOnItsNeighbours) {
  EXPECT_THAT(split("\u039F\u0394\u03A3 \u03A3 \u03A3\u0391 \u0391\u03A3'\u0391 \u0391\u03A3."),
              ElementsAre("\u03BF\u03B4\u03C2", "\u03C3", "\u03C3\u03B1", "\u03B1\u03C3", "'",
                          "\u03B1", "\u03B1\u03C2", "."));
}

TEST(Normalizer, DottedCapitalIBecomesPlainI) {
  EXPECT_THAT(split("\u0130stanbul"), ElementsAre("istanbul"));
}

TEST(Normalizer, SharpSIsNotFolded) {
  EXPECT_THAT(split("\u1E9E\u00DF"), ElementsAre("\u00DF\u00DF"));
}

TEST(Normalizer, SymbolsOutsideAsciiStayInTheWord) {
  EXPECT_THAT(split("5\u20AC a^b"), ElementsAre("5\u20AC", "a", "^", "b"));
}

TEST(Normalizer, ReordersMarksThatStay) {
  // U+302E (Mc, class 224) after U+1D16D (Mc, class 226): canonical order swaps them.
  EXPECT_THAT(split("a\U0001D16D\u302E"), ElementsAre("a\u302E\U0001D16D"));
}

TEST(Normalizer, WordOfMoreThan200CharactersIsOverlong) {
  EXPECT_THAT(split(std::string(200, 'a')), ElementsAre(std::string(200, 'a')));
  EXPECT_THAT(split(std::string(201, 'a')), ElementsAre("<overlong>"));
  std::string accented;
  for (int i = 0; i < 200; ++i) {
    accented += "\u00E9";
  }
  EXPECT_THAT(split(accented, true), ElementsAre(accented));
  EXPECT_THAT(split(accented + "x", true), ElementsAre("<overlong>"));
}

TEST(Normalizer, NothingComesOfNothing) {
  EXPECT_THAT(split(""), IsEmpty());
  EXPECT_THAT(split(" \t\r\n\u200B"), IsEmpty());
  EXPECT_THAT(split("\u0301\u0300"), IsEmpty());
}

TEST(Normalizer, DropsInvalidBytes) {
  EXPECT_THAT(split("a\xFF"
                    "b \xE2\x82 c"),
              ElementsAre("ab", "c"));
}

// Each of these costs a second or more in an implementation that reorders marks or searches sigmas
// quadratically.
TEST(Normalizer, HostileMegabytesTakeLinearTime) {
  std::string marks = "a";
  std::string sigmas = "\u0391";
  std::string letters(1'000'000, 'x');
  for (int i = 0; i < 200'000; ++i) {
    marks += i % 2 == 0 ? "\U0001D16D" : "\u302E";
    sigmas += i % 2 == 0 ? "\u03A3" : "\u00B7\u00B7";
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(split(marks), ElementsAre("<overlong>"));
  split(sigmas);
  EXPECT_THAT(split(letters), ElementsAre("<overlong>"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace lambert
