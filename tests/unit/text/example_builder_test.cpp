// SPDX-License-Identifier: Apache-2.0
#include "text/example_builder.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace lambert {
namespace {

constexpr SpecialTokens kSpecialTokens = {.pad = 0, .unknown = 1, .cls = 2, .sep = 3, .mask = 4};
constexpr std::int32_t kIdsPerDocument = 100000;

/// Token ids count up from (number + 1) * kIdsPerDocument, so that an id tells its document and
/// place.
TokenizedDocument make_document(std::int32_t number, std::size_t sentences,
                                std::size_t tokens_per_sentence) {
  TokenizedDocument document;
  std::int32_t id = (number + 1) * kIdsPerDocument;
  for (std::size_t i = 0; i < sentences; ++i) {
    for (std::size_t j = 0; j < tokens_per_sentence; ++j) {
      document.token_ids().push_back(id++);
    }
    document.end_sentence();
  }
  return document;
}

std::vector<TokenizedDocument> make_corpus(std::int32_t documents, std::size_t sentences,
                                           std::size_t tokens) {
  std::vector<TokenizedDocument> corpus;
  for (std::int32_t i = 0; i < documents; ++i) {
    corpus.push_back(make_document(i, sentences, tokens));
  }
  return corpus;
}

std::vector<Example> build_all(const std::vector<TokenizedDocument>& corpus,
                               const ExampleSettings& settings, std::uint32_t pass = 0) {
  const ExampleBuilder builder(settings, kSpecialTokens);
  std::vector<Example> examples;
  for (std::size_t i = 0; i < corpus.size(); ++i) {
    builder.build(corpus, i, i, pass,
                  [&examples](const Example& example) { examples.push_back(example); });
  }
  return examples;
}

std::vector<std::int32_t> first_segment(const Example& example) {
  return {example.token_ids.begin() + 1,
          example.token_ids.begin() + example.first_segment_length - 1};
}

std::vector<std::int32_t> second_segment(const Example& example) {
  return {example.token_ids.begin() + example.first_segment_length, example.token_ids.end() - 1};
}

TEST(ExampleBuilder, FramesBothSegmentsWithinTheLength) {
  for (const std::int64_t length : {5, 6, 17, 128, 1000}) {
    for (const Example& example :
         build_all(make_corpus(5, 40, 7), {.max_seq_length = length, .seed = 1})) {
      ASSERT_LE(static_cast<std::int64_t>(example.token_ids.size()), length);
      ASSERT_EQ(example.token_ids.front(), kSpecialTokens.cls);
      ASSERT_EQ(example.token_ids.back(), kSpecialTokens.sep);
      ASSERT_EQ(example.token_ids[static_cast<std::size_t>(example.first_segment_length) - 1],
                kSpecialTokens.sep);
      ASSERT_FALSE(first_segment(example).empty());
      ASSERT_FALSE(second_segment(example).empty());
    }
  }
}

TEST(ExampleBuilder, TakesARealNextFromWhereTheFirstSegmentEnds) {
  // No truncation: a chunk of 10 sentences of 10 tokens holds the target of 100 exactly.
  const ExampleSettings settings = {
      .max_seq_length = 103, .short_sequence_probability = 0.0, .seed = 2};
  int real = 0;
  for (const Example& example : build_all(make_corpus(4, 100, 10), settings)) {
    if (!example.is_random_next) {
      ++real;
      EXPECT_EQ(first_segment(example).back() + 1, second_segment(example).front());
    }
  }
  EXPECT_GT(real, 10);
}

TEST(ExampleBuilder, TakesARandomNextFromAnotherDocument) {
  for (const Example& example :
       build_all(make_corpus(50, 60, 10), {.max_seq_length = 64, .seed = 3})) {
    const std::int32_t first = first_segment(example).front() / kIdsPerDocument;
    const std::int32_t second = second_segment(example).front() / kIdsPerDocument;
    EXPECT_EQ(example.is_random_next, first != second);
  }
}

TEST(ExampleBuilder, PutsUnusedSentencesBackSoThatNoneIsLost) {
  const ExampleSettings settings = {
      .max_seq_length = 103, .short_sequence_probability = 0.0, .seed = 4};
  const std::vector<TokenizedDocument> corpus = make_corpus(3, 50, 10);
  std::set<std::int32_t> seen;
  for (const Example& example : build_all(corpus, settings)) {
    // Truncation may cut A below: with these sizes a pair of up to 100 + 90 tokens.
    for (const std::vector<std::int32_t>& segment :
         {first_segment(example), second_segment(example)}) {
      for (const std::int32_t id : segment) {
        seen.insert(id / 10);
      }
    }
  }
  EXPECT_EQ(seen.size(), 150U);
}

TEST(ExampleBuilder, DrawsRandomNextForHalfOfLongDocumentsAndForEverySingleSentence) {
  const std::vector<Example> examples =
      build_all(make_corpus(100, 400, 5), {.max_seq_length = 128, .seed = 5});
  const auto random = static_cast<double>(
      std::count_if(examples.begin(), examples.end(),
                    [](const Example& example) { return example.is_random_next; }));
  const auto count = static_cast<double>(examples.size());
  ASSERT_GT(count, 1500.0);
  EXPECT_NEAR(random / count, 0.5, 0.05);
  for (const Example& example :
       build_all(make_corpus(20, 1, 30), {.max_seq_length = 64, .seed = 5})) {
    EXPECT_TRUE(example.is_random_next);
  }
}

TEST(ExampleBuilder, DrawsAShorterTargetOncePerDocumentAndPass) {
  const std::vector<TokenizedDocument> corpus = make_corpus(400, 60, 1);
  const ExampleBuilder builder({.max_seq_length = 43, .seed = 6}, kSpecialTokens);
  int shorter = 0;
  for (std::size_t i = 0; i < corpus.size(); ++i) {
    std::size_t longest = 0;
    builder.build(corpus, i, i, 0, [&longest](const Example& example) {
      longest = std::max(longest, example.token_ids.size());
    });
    shorter += longest < 43 ? 1 : 0;
  }
  EXPECT_NEAR(shorter, 40, 20);
}

TEST(ExampleBuilder, TruncatesBothSidesOfTheLongerSegment) {
  // One document: B comes from the document itself after ten tries. A and B of 1000 tokens each
  // shrink to 61.
  bool front_cut = false;
  bool back_cut = false;
  for (const Example& example :
       build_all(make_corpus(8, 3, 1000), {.max_seq_length = 64, .seed = 7})) {
    const std::vector<std::int32_t> first = first_segment(example);
    EXPECT_EQ(example.token_ids.size(), 64U);
    EXPECT_EQ(first.size(), 31U);  // a tie takes from B
    front_cut = front_cut || first.front() % 1000 != 0;
    back_cut = back_cut || first.back() % 1000 != 999;
  }
  EXPECT_TRUE(front_cut);
  EXPECT_TRUE(back_cut);
}

TEST(ExampleBuilder, IsAPureFunctionOfSeedDocumentAndPass) {
  const std::vector<TokenizedDocument> corpus = make_corpus(5, 60, 9);
  const auto ids = [&corpus](std::uint64_t seed, std::uint32_t pass) {
    std::vector<std::vector<std::int32_t>> all;
    for (const Example& example : build_all(corpus, {.max_seq_length = 64, .seed = seed}, pass)) {
      all.push_back(example.token_ids);
    }
    return all;
  };
  EXPECT_EQ(ids(1, 0), ids(1, 0));
  EXPECT_NE(ids(1, 0), ids(1, 1));
  EXPECT_NE(ids(1, 0), ids(2, 0));
}

TEST(ExampleBuilder, UsesTheSameDocumentWhenThereIsNoOther) {
  EXPECT_FALSE(build_all(make_corpus(1, 20, 10), {.max_seq_length = 64, .seed = 8}).empty());
}

TEST(TokenizedDocument, StoresNoEmptySentence) {
  TokenizedDocument document;
  document.end_sentence();
  document.token_ids().push_back(7);
  document.end_sentence();
  document.end_sentence();
  EXPECT_EQ(document.sentence_count(), 1U);
  EXPECT_EQ(document.sentence(0).front(), 7);
}

}  // namespace
}  // namespace lambert
