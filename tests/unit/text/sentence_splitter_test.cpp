// SPDX-License-Identifier: Apache-2.0
#include "text/sentence_splitter.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/english_abbreviations.h"

namespace lambert {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SentenceSplitter, SplitsAtSentenceEndsAndTrimsBlanks) {
  SentenceSplitter splitter;
  EXPECT_THAT(splitter.split("  It rained. Nobody came!  Why?  "),
              ElementsAre("It rained.", "Nobody came!", "Why?"));
}

TEST(SentenceSplitter, KeepsAbbreviationsAndInitialsInside) {
  SentenceSplitter splitter;
  EXPECT_THAT(splitter.split("Dr. Smith of the U.S. Army met J. R. Jones (cf. Fig. 3). He left."),
              ElementsAre("Dr. Smith of the U.S. Army met J. R. Jones (cf. Fig. 3).", "He left."));
}

TEST(SentenceSplitter, ComparesAbbreviationsAsWholeWords) {
  SentenceSplitter splitter;
  EXPECT_THAT(splitter.split("He asked. Dogs came. It needs. Bread is in America. Next."),
              ElementsAre("He asked.", "Dogs came.", "It needs.", "Bread is in America.", "Next."));
}

TEST(SentenceSplitter, KeepsALastAbbreviation) {
  SentenceSplitter splitter;
  EXPECT_THAT(splitter.split("We saw Dr."), ElementsAre("We saw Dr."));
}

TEST(SentenceSplitter, GivesPartsOfTheLineForEveryScript) {
  SentenceSplitter splitter;
  const std::string line =
      "\xE4\xBB\x8A\xE6\x97\xA5\xE3\x80\x82\xE6\x98\x8E\xE6\x97\xA5\xE3\x80\x82";  // two sentences
  EXPECT_THAT(splitter.split(line), ElementsAre(line.substr(0, 9), line.substr(9)));
  EXPECT_THAT(splitter.split("\xF0\x9F\x98\x80 Caf\xC3\xA9. Na\xC3\xAFve."),
              ElementsAre("\xF0\x9F\x98\x80 Caf\xC3\xA9.", "Na\xC3\xAFve."));
}

TEST(SentenceSplitter, FindsNoSentenceInBlanks) {
  SentenceSplitter splitter;
  EXPECT_THAT(splitter.split(""), IsEmpty());
  EXPECT_THAT(splitter.split(" \t "), IsEmpty());
}

TEST(SentenceSplitter, HasASortedListOfAbbreviations) {
  EXPECT_TRUE(std::is_sorted(std::begin(kEnglishAbbreviations), std::end(kEnglishAbbreviations)));
}

}  // namespace
}  // namespace lambert
