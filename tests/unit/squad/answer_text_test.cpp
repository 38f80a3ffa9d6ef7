// SPDX-License-Identifier: Apache-2.0
#include "squad/answer_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lambert {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(NormalizedWords, AreLowerCaseWithoutPunctuationAndArticles) {
  EXPECT_THAT(normalized_words("The Denver  Broncos, an NFL-team!"),
              ElementsAre("denver", "broncos", "nflteam"));
}

TEST(NormalizedWords, FuseWhatOnlyAsciiPunctuationSeparated) {
  EXPECT_THAT(normalized_words("24-10"), ElementsAre("2410"));
  EXPECT_THAT(normalized_words("U.S."), ElementsAre("us"));
}

TEST(NormalizedWords, KeepPunctuationOutsideAscii) {
  EXPECT_THAT(normalized_words("24\u201310 \u201Cquoted\u201D"),
              ElementsAre("24\u201310", "\u201Cquoted\u201D"));
}

TEST(NormalizedWords, LoseArticlesAtWordBoundariesOnly) {
  EXPECT_THAT(normalized_words("a theatre than an\u2013a the_"),
              ElementsAre("theatre", "than", "\u2013"));
  EXPECT_THAT(normalized_words("\u00E9a a\u00E9 1a"), ElementsAre("\u00E9a", "a\u00E9", "1a"));
}

TEST(NormalizedWords, SeeArticlesThatPunctuationMade) {
  EXPECT_THAT(normalized_words("t-h-e sky \"A\""), ElementsAre("sky"));
}

TEST(NormalizedWords, OfArticlesAloneAreNone) {
  EXPECT_THAT(normalized_words("The"), IsEmpty());
  EXPECT_THAT(normalized_words(" ... "), IsEmpty());
  EXPECT_THAT(normalized_words(""), IsEmpty());
}

TEST(NormalizedWords, SplitAtEverySpaceOfPython) {
  EXPECT_THAT(normalized_words("one\u00A0two\u2003three\u2028four\u3000five\x1Csix"),
              ElementsAre("one", "two", "three", "four", "five", "six"));
  EXPECT_THAT(normalized_words("zero\u200Bwidth"), ElementsAre("zero\u200Bwidth"));
}

TEST(NormalizedWords, LowerWithTheFinalSigma) {
  EXPECT_THAT(normalized_words("\u03A3\u0391\u03A3"), ElementsAre("\u03C3\u03B1\u03C2"));
  EXPECT_THAT(normalized_words("\u0130"), ElementsAre("i\u0307"));
}

TEST(CodePoints, GoToUtf8AndBack) {
  const std::string text = "a\u00E9\u4E00\U0001F600";
  EXPECT_EQ(to_code_points(text).size(), 4U);
  EXPECT_EQ(to_utf8(to_code_points(text)), text);
}

TEST(SplitAtSpaces, OfSpacesIsNothing) {
  EXPECT_THAT(split_at_spaces(U" \t\u00A0"), IsEmpty());
  EXPECT_THAT(split_at_spaces(U" a  b "), ElementsAre(U"a", U"b"));
}

}  // namespace
}  // namespace lambert
