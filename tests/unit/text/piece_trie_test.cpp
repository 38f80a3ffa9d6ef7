// SPDX-License-Identifier: Apache-2.0
#include "text/piece_trie.h"

#include <gtest/gtest.h>

namespace lambert {
namespace {

TEST(PieceTrie, FindsTheLongestPrefix) {
  const PieceTrie trie({"a", "abc", "abd", "b"});
  EXPECT_EQ(trie.longest_prefix("abx").id, 0);
  EXPECT_EQ(trie.longest_prefix("abcd").id, 1);
  EXPECT_EQ(trie.longest_prefix("abcd").byte_count, 3U);
  EXPECT_EQ(trie.longest_prefix("xa").id, -1);
  EXPECT_EQ(trie.longest_prefix("").id, -1);
}

TEST(PieceTrie, SearchesFromAnInnerNode) {
  const PieceTrie trie({"##a", "##ab", "a"});
  const PieceTrie::Node continuation = trie.walk("##");
  EXPECT_EQ(trie.longest_prefix("abc", continuation).id, 1);
  EXPECT_EQ(trie.walk("#x"), PieceTrie::kNowhere);
}

TEST(PieceTrie, FindsEveryPieceOfALargeSetAndNothingElse) {
  std::vector<std::string> pieces;
  for (int i = 0; i < 50'000; ++i) {
    pieces.push_back(std::to_string(i * 7) + "\xFF\x01");
  }
  const PieceTrie trie(pieces);
  for (int i = 0; i < 50'000; ++i) {
    ASSERT_EQ(trie.find(pieces[static_cast<std::size_t>(i)]), i);
    ASSERT_FALSE(trie.find(std::to_string(i * 7 + 1) + "\xFF\x01"));
    ASSERT_FALSE(trie.find(std::to_string(i * 7)));
  }
}

TEST(PieceTrie, AnEmptySetFindsNothing) {
  EXPECT_FALSE(PieceTrie().find("a"));
  EXPECT_FALSE(PieceTrie(std::vector<std::string>{}).find("a"));
}

}  // namespace
}  // namespace lambert
