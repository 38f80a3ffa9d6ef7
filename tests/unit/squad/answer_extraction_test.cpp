// SPDX-License-Identifier: Apache-2.0
#include "squad/answer_extraction.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "unit/squad/squad_case.h"

namespace lambert {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

/// One question about one paragraph, with logits of our choice; all others are far below.
class Case {
 public:
  explicit Case(const std::string& context, FeatureOptions options = {},
                std::unique_ptr<Tokenizer> tokenizer = uncased_tokenizer())
      : tokenizer_(std::move(tokenizer)),
        features_(make_prediction_features(
            squad_of(paragraph_of(context, {question_of("q", "what", "x", 0)})), *tokenizer_,
            options)) {
    for (const SquadFeature& feature : features_.features) {
      logits_.push_back({std::vector<float>(feature.input_ids.size(), -1e3F),
                         std::vector<float>(feature.input_ids.size(), -1e3F)});
    }
  }

  /// token: of the paragraph, which the window holds.
  Case& start(std::int32_t token, float value, std::size_t window = 0) {
    logits_[window].start[position(token, window)] = value;
    return *this;
  }
  Case& end(std::int32_t token, float value, std::size_t window = 0) {
    logits_[window].end[position(token, window)] = value;
    return *this;
  }
  /// Of [CLS].
  Case& none(float start_value, float end_value, std::size_t window = 0) {
    logits_[window].start.front() = start_value;
    logits_[window].end.front() = end_value;
    return *this;
  }
  /// Of the question's first token.
  Case& question(float value) {
    logits_[0].start[1] = logits_[0].end[1] = value;
    return *this;
  }

  QuestionAnswer answer(const ExtractionOptions& options = {}) const {
    std::vector<const SquadFeature*> windows;
    std::vector<const WindowLogits*> logits;
    for (std::size_t window = 0; window < features_.features.size(); ++window) {
      windows.push_back(&features_.features[window]);
      logits.push_back(&logits_[window]);
    }
    return extract_answer(windows, logits, features_.contexts.front(), *tokenizer_, options);
  }

  std::size_t window_count() const { return logits_.size(); }

 private:
  std::size_t position(std::int32_t token, std::size_t window) const {
    const SquadFeature& feature = features_.features[window];
    return static_cast<std::size_t>(token - feature.first_token + feature.window_begin);
  }

  std::unique_ptr<Tokenizer> tokenizer_;
  SquadFeatures features_;
  std::vector<WindowLogits> logits_;
};

std::vector<std::string> texts_of(const QuestionAnswer& answer) {
  std::vector<std::string> texts;
  for (const RankedAnswer& ranked : answer.n_best) {
    texts.push_back(ranked.text);
  }
  return texts;
}

constexpr ExtractionOptions kVersion2 = {.version = SquadVersion::v2_0};

TEST(AnswerExtraction, TakesTheSpanWithTheLargestSum) {
  const QuestionAnswer answer =
      Case("The sky is blue today").start(1, 5).start(3, 4).end(1, 1).end(3, 3).answer();
  EXPECT_EQ(answer.text, "sky is blue");
  EXPECT_EQ(answer.n_best[0].start_logit, 5.0);
  EXPECT_EQ(answer.n_best[0].end_logit, 3.0);
  EXPECT_EQ(answer.n_best[1].text, "blue");
}

TEST(AnswerExtraction, NeverEndsBeforeItStarts) {
  EXPECT_EQ(Case("The sky is blue").start(3, 9).end(1, 9).start(0, 1).end(3, 1).answer().text,
            "blue");
}

TEST(AnswerExtraction, NeverTakesTheQuestion) {
  EXPECT_EQ(Case("The sky is blue").question(20).start(1, 1).end(1, 1).answer().text, "sky");
}

TEST(AnswerExtraction, KeepsToTheLongestLength) {
  Case two_words("The sky is blue");
  two_words.start(1, 5).end(3, 5).end(2, 1);
  EXPECT_EQ(two_words.answer({.max_answer_length = 3}).text, "sky is blue");
  EXPECT_EQ(two_words.answer({.max_answer_length = 2}).text, "sky is");
}

TEST(AnswerExtraction, StartsOnlyWhereTheWindowHasMaxContext) {
  std::string context = "blue";
  for (int word = 0; word < 60; ++word) {
    context += word == 20 ? " green" : " sky";
  }
  // Windows of 28 tokens, 10 apart: token 21 has most context in the second.
  Case twice(context, {32, 10, 8});
  twice.start(21, 9).end(21, 9).start(21, 1, 1).end(21, 1, 1);
  const QuestionAnswer answer = twice.answer();
  EXPECT_EQ(answer.text, "green");
  EXPECT_EQ(answer.n_best[0].start_logit, 1.0);
}

TEST(AnswerExtraction, OfEqualSumsTakesTheEarlierStart) {
  EXPECT_EQ(Case("red green blue")
                .start(0, 1)
                .start(2, 1)
                .end(0, 1)
                .end(2, 1)
                .answer({.max_answer_length = 1})
                .text,
            "red");
}

TEST(AnswerExtraction, TriesOnlyTheBestStartsAndEnds) {
  Case three("red green blue");
  three.start(2, 9).start(0, 8).end(0, 9).end(1, 8);
  EXPECT_EQ(three.answer({.n_best_size = 1}).text, "empty") << "best start 2, best end 0";
  EXPECT_EQ(three.answer({.n_best_size = 2}).text, "red");
}

TEST(AnswerExtraction, ListsEveryTextOnceBestFirst) {
  const QuestionAnswer answer = Case("red green red")
                                    .start(0, 3)
                                    .end(0, 3)
                                    .start(2, 2)
                                    .end(2, 2)
                                    .start(1, 1)
                                    .end(1, 1)
                                    .answer({.max_answer_length = 1});
  EXPECT_EQ(texts_of(answer)[0], "red");
  EXPECT_EQ(texts_of(answer)[1], "green");
  EXPECT_EQ(answer.n_best.size(), 2U);
}

TEST(AnswerExtraction, ProbabilitiesAreTheSoftmaxOfTheAnswersKept) {
  const QuestionAnswer answer = Case("red green")
                                    .start(0, 2)
                                    .end(0, 1)
                                    .start(1, 1)
                                    .end(1, 1)
                                    .answer({.max_answer_length = 1});
  ASSERT_EQ(answer.n_best.size(), 2U);
  EXPECT_THAT(answer.n_best[0].probability, DoubleNear(1 / (1 + std::exp(-1.0)), 1e-12));
  EXPECT_THAT(answer.n_best[0].probability + answer.n_best[1].probability, DoubleNear(1, 1e-12));
}

TEST(AnswerExtraction, WithoutAnAllowedSpanIsTheWordEmpty) {
  const QuestionAnswer answer =
      Case("red green").answer({.n_best_size = 1, .max_answer_length = 0});
  EXPECT_EQ(answer.text, "empty");
  EXPECT_EQ(answer.n_best[0].probability, 1.0);
}

TEST(AnswerExtraction, OfVersion11NeverAnswersNothing) {
  EXPECT_EQ(Case("red green").none(50, 50).start(0, 1).end(0, 1).answer().text, "red");
}

TEST(NullOdds, AreTheScoreOfNothingMinusThatOfTheBestAnswer) {
  const QuestionAnswer answer =
      Case("red green").none(2, 1.5).start(0, 1).end(0, 0.25).answer(kVersion2);
  EXPECT_EQ(answer.null_odds, 3.5 - 1.25);
  EXPECT_EQ(answer.text, "");
  EXPECT_EQ(answer.n_best[0].text, "");
}

TEST(NullOdds, AboveTheThresholdMakeTheAnswerNothing) {
  Case close("red green");
  close.none(2, 1).start(0, 2).end(0, 0.5);
  ExtractionOptions options = kVersion2;
  options.null_score_difference_threshold = 0.5;
  EXPECT_EQ(close.answer(options).text, "red") << "odds of 0.5 are not above 0.5";
  options.null_score_difference_threshold = 0.25;
  EXPECT_EQ(close.answer(options).text, "");
}

TEST(NullOdds, UseTheWindowWhereNothingScoresLeast) {
  std::string context = "blue";
  for (int word = 0; word < 60; ++word) {
    context += " sky";
  }
  Case windows(context, {32, 10, 8});
  ASSERT_EQ(windows.window_count(), 5U);
  for (std::size_t window = 0; window < windows.window_count(); ++window) {
    windows.none(9, 9, window);
  }
  windows.none(1, 1, 3).start(0, 4).end(0, 4);
  EXPECT_EQ(windows.answer(kVersion2).null_odds, 2.0 - 8.0);
  EXPECT_EQ(windows.answer(kVersion2).text, "blue");
}

TEST(NullOdds, StandInTheNBestListAlsoWhenNothingIsUnlikely) {
  ExtractionOptions options = kVersion2;
  options.n_best_size = 2;
  options.max_answer_length = 1;
  const QuestionAnswer answer = Case("red green blue")
                                    .none(-9, -9)
                                    .start(0, 5)
                                    .end(0, 5)
                                    .start(1, 4)
                                    .end(1, 4)
                                    .answer(options);
  EXPECT_THAT(texts_of(answer), ElementsAre("red", "green", ""));
}

TEST(NullOdds, WithoutAnyAnswerAreTheScoreOfNothing) {
  ExtractionOptions options = kVersion2;
  options.max_answer_length = 0;
  const QuestionAnswer answer = Case("red").none(1, 2).answer(options);
  EXPECT_EQ(answer.text, "");
  EXPECT_EQ(answer.null_odds, 3.0);
}

TEST(AnswerText, IsThatOfTheParagraph) {
  EXPECT_EQ(Case("Über Ünïcode, the (1895\u20131943) man").start(0, 1).end(1, 1).answer().text,
            "Über Ünïcode");
}

/// The answer when these tokens of "▁the ▁leader ▁ ( 18 95 - 19 43 ) , ▁anna" are chosen.
std::string sentencepiece_answer(std::int32_t first, std::int32_t last) {
  return Case("The leader (1895-1943), Anna", {}, sentencepiece_tokenizer())
      .start(first, 1)
      .end(last, 1)
      .answer()
      .text;
}

TEST(AnswerText, OfSentencepieceIsCutAtItsPieces) {
  EXPECT_EQ(sentencepiece_answer(0, 1), "The leader");
  EXPECT_EQ(sentencepiece_answer(4, 5), "1895");
  EXPECT_EQ(sentencepiece_answer(1, 3), "leader (");
  EXPECT_EQ(sentencepiece_answer(7, 11), "1943), Anna");
}

TEST(AnswerText, OfAPieceWithoutLettersIsItsWord) {
  EXPECT_EQ(sentencepiece_answer(2, 2), "(1895-1943),");
  EXPECT_EQ(sentencepiece_answer(2, 5), "(1895");
}

TEST(AlignToOriginal, LeavesOutWhatTheTokensDoNotSpell) {
  EXPECT_EQ(align_to_original("steve smith", "Steve Smith's", false), "Steve Smith");
  EXPECT_EQ(align_to_original("1895", "(1895-1943)", false), "1895");
}

TEST(AlignToOriginal, GivesBackCaseAndSpacing) {
  EXPECT_EQ(align_to_original("u . s . army", "the U.S. Army,", false), "U.S. Army");
}

TEST(AlignToOriginal, OfCasedTokensComparesCase) {
  EXPECT_EQ(align_to_original("Smith", "Smith's", true), "Smith");
  EXPECT_EQ(align_to_original("smith", "Smith's", true), "Smith's");
}

TEST(AlignToOriginal, ReturnsAllWordsWhenTheLettersDoNotMatch) {
  EXPECT_EQ(align_to_original("[UNK]", "Smith's", false), "Smith's");
  EXPECT_EQ(align_to_original("", "Smith's", false), "Smith's");
  EXPECT_EQ(align_to_original("e", "e\u0301 e", false), "e\u0301 e") << "an accent is dropped";
}

}  // namespace
}  // namespace lambert
