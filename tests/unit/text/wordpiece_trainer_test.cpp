// SPDX-License-Identifier: Apache-2.0
#include "text/wordpiece_trainer.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lambert {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

const std::vector<CountedWord>& sample_words() {
  static const std::vector<CountedWord> words = {
      {"hug", 10}, {"hugs", 5}, {"pug", 5}, {"pun", 12}, {"bun", 4}};
  return words;
}

TEST(WordPieceTrainer, MergesTheMostFrequentPairFirst) {
  // ##u ##g: 20, ##u ##n: 16, then h ##ug: 15, p ##un: 12, ...
  const auto tokens = train_wordpiece(sample_words(), {.size = 40});
  const std::vector<std::string> start(tokens.begin(), tokens.begin() + 19);
  EXPECT_THAT(start, ElementsAre("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "b", "g", "h", "n",
                                 "p", "s", "u", "##g", "##n", "##s", "##u", "##ug", "##un", "hug"));
  EXPECT_EQ(tokens.at(19), "pun");
}

TEST(WordPieceTrainer, StopsAtTheSize) {
  const std::vector<CountedWord> words = {{"abbbaaabababbabaab", 5}, {"babaabbbbaab", 3}};
  EXPECT_EQ(train_wordpiece(words, {.size = 16}).size(), 16U);
}

TEST(WordPieceTrainer, AlphabetTakesAtMostAQuarterOfTheSize) {
  EXPECT_EQ(train_wordpiece({{"abcdefgh", 1}}, {.size = 16}).size(), 9U);
}

TEST(WordPieceTrainer, LeavesRarePairsAlone) {
  EXPECT_THAT(train_wordpiece({{"ab", 1}, {"cd", 2}}, {.size = 40}), Not(Contains("ab")));
  EXPECT_THAT(train_wordpiece({{"ab", 1}, {"cd", 2}}, {.size = 40}), Contains("cd"));
}

TEST(WordPieceTrainer, MergesOverlappingRepeatsFromTheLeft) {
  const auto tokens = train_wordpiece({{"aaaaa", 3}}, {.size = 100});
  EXPECT_THAT(tokens, Contains("aaaaa"));
}

TEST(WordPieceTrainer, AlphabetKeepsTheMostFrequentCharacters) {
  const auto tokens = train_wordpiece({{"ab", 9}, {"ac", 1}}, {.size = 40, .max_alphabet = 2});
  EXPECT_THAT(tokens,
              ElementsAre("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##b", "ab"));
}

TEST(WordPieceTrainer, NoTokenIsLongerThanAVocabularyMayHold) {
  const auto tokens = train_wordpiece({{std::string(150, 'x'), 50}}, {.size = 1000});
  for (const std::string& token : tokens) {
    EXPECT_LE(token.size(), 100U);
  }
}

// The same training, written as plainly as possible: count all pairs anew before every merge.
std::vector<std::string> train_plainly(const std::vector<CountedWord>& words, std::size_t size,
                                       std::vector<std::string> tokens) {
  std::vector<std::vector<std::string>> rows;
  for (const CountedWord& word : words) {
    rows.emplace_back();
    for (const char letter : word.word) {
      rows.back().push_back((rows.back().empty() ? "" : "##") + std::string(1, letter));
    }
  }
  const auto id_of = [&tokens](const std::string& token) {
    return std::find(tokens.begin(), tokens.end(), token) - tokens.begin();
  };
  while (tokens.size() < size) {
    std::map<std::pair<std::ptrdiff_t, std::ptrdiff_t>, std::int64_t> counts;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::size_t k = 0; k + 1 < rows[i].size(); ++k) {
        counts[{id_of(rows[i][k]), id_of(rows[i][k + 1])}] += words[i].count;
      }
    }
    const auto best =
        std::max_element(counts.begin(), counts.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    if (best == counts.end() || best->second < 2) {
      break;
    }
    const std::string left = tokens[static_cast<std::size_t>(best->first.first)];
    const std::string right = tokens[static_cast<std::size_t>(best->first.second)];
    const std::string joined = left + right.substr(2);
    if (static_cast<std::size_t>(id_of(joined)) == tokens.size()) {
      tokens.push_back(joined);
    }
    for (auto& row : rows) {
      for (std::size_t k = 0; k + 1 < row.size(); ++k) {
        if (row[k] == left && row[k + 1] == right) {
          row[k] = joined;
          row.erase(row.begin() + static_cast<std::ptrdiff_t>(k) + 1);
        }
      }
    }
  }
  return tokens;
}

TEST(WordPieceTrainer, EqualsAPlainImplementationOnRandomWords) {
  std::uint32_t state = 1;
  const auto next = [&state](std::uint32_t bound) {
    state = state * 1664525U + 1013904223U;
    return (state >> 16U) % bound;
  };
  std::map<std::string, std::int64_t> counts;
  for (int i = 0; i < 150; ++i) {
    std::string word;
    for (std::uint32_t k = next(9) + 1; k > 0; --k) {
      word += static_cast<char>('a' + next(4));
    }
    counts[word] += next(6) + 1;
  }
  std::vector<CountedWord> words;
  for (const auto& [word, count] : counts) {
    words.push_back({word, count});
  }
  const std::vector<std::string> alphabet = {
      "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d", "##a", "##b", "##c", "##d"};
  EXPECT_EQ(train_wordpiece(words, {.size = 120}), train_plainly(words, 120, alphabet));
}

TEST(WordCounter, CountsNormalisedWords) {
  WordCounter counter(false);
  counter.add_text("The cat, the CAT");
  std::map<std::string, std::int64_t> counts;
  for (const CountedWord& word : counter.take_sorted()) {
    counts[word.word] = word.count;
  }
  EXPECT_EQ(counts, (std::map<std::string, std::int64_t>{{",", 1}, {"cat", 2}, {"the", 2}}));
}

TEST(WordCounter, ForgetsTheRarestWordsFirst) {
  WordCounter counter(false, 3);
  counter.add_text("a a a b b c d");
  EXPECT_GT(counter.forgotten_count(), 0);
  const auto words = counter.take_sorted();
  ASSERT_FALSE(words.empty());
  EXPECT_EQ(words.front().word, "a");
  EXPECT_EQ(words.front().count, 3);
  EXPECT_LE(words.size(), 3U);
}

}  // namespace
}  // namespace lambert
