// SPDX-License-Identifier: Apache-2.0
#include "squad/squad_features.h"

#include <algorithm>

#include "unit/squad/squad_case.h"

namespace lambert {
namespace {

using testing::Each;
using testing::ElementsAre;

/// Text of the tokens from first to last, separated by spaces.
std::string spelt(const Tokenizer& tokenizer, const SquadFeature& feature, std::int32_t first,
                  std::int32_t last) {
  std::string text;
  for (std::int32_t position = first; position <= last; ++position) {
    text += (text.empty() ? "" : " ") +
            tokenizer.token(feature.input_ids[static_cast<std::size_t>(position)]);
  }
  return text;
}

/// The tokens that a window is trained to answer with.
std::string trained_answer(const Tokenizer& tokenizer, const std::string& context,
                           const std::string& answer, const FeatureOptions& options = {}) {
  const auto start = static_cast<std::int64_t>(context.find(answer));  // of ASCII contexts
  const SquadData data = squad_of(paragraph_of(context, {question_of("q", "who?", answer, start)}));
  const SquadFeatures features = make_training_features(data, tokenizer, options);
  EXPECT_EQ(features.features.size(), 1U);
  const SquadFeature& feature = features.features.front();
  return spelt(tokenizer, feature, feature.start_position, feature.end_position);
}

SquadData data_with_words(int count, const std::string& question = "what") {
  std::string context;
  for (int word = 0; word < count; ++word) {
    context += word == 0 ? "sky" : " sky";
  }
  return squad_of(paragraph_of(context, {question_of("q", question, "sky", 0)}));
}

TEST(SquadFeatures, AreClsQuestionSepWindowSep) {
  const auto tokenizer = uncased_tokenizer();
  const SquadFeatures features =
      make_prediction_features(squad_of(kGoodSquad), *tokenizer, {384, 128, 64});
  ASSERT_EQ(features.features.size(), 2U);
  const SquadFeature& first = features.features[0];
  EXPECT_EQ(spelt(*tokenizer, first, 0, static_cast<std::int32_t>(first.input_ids.size()) - 1),
            "[CLS] what is blue ? [SEP] the sky is blue . [SEP]");
  EXPECT_EQ(first.window_begin, 6);
  EXPECT_EQ(first.window_size(), 5);
  EXPECT_THAT(first.has_max_context, Each(true));
  EXPECT_EQ(features.features[1].question, 1U);
}

TEST(SquadFeatures, OfSentencepieceUseItsOwnClsAndSep) {
  const auto tokenizer = sentencepiece_tokenizer();
  const SquadFeatures features = make_prediction_features(squad_of(kGoodSquad), *tokenizer, {});
  const SquadFeature& first = features.features[0];
  EXPECT_EQ(first.input_ids.front(), tokenizer->special_tokens().cls);
  EXPECT_EQ(first.input_ids.back(), tokenizer->special_tokens().sep);
  EXPECT_EQ(
      std::count(first.input_ids.begin(), first.input_ids.end(), tokenizer->special_tokens().sep),
      2);
}

TEST(SquadFeatures, OfALongParagraphOverlapByTheStride) {
  const auto tokenizer = uncased_tokenizer();
  // 32 tokens without "what" and three special ones leave 28.
  const SquadFeatures features =
      make_prediction_features(data_with_words(100), *tokenizer, {32, 10, 8});
  std::vector<std::int32_t> begins;
  std::vector<std::int32_t> sizes;
  for (const SquadFeature& feature : features.features) {
    begins.push_back(feature.first_token);
    sizes.push_back(feature.window_size());
  }
  EXPECT_THAT(begins, ElementsAre(0, 10, 20, 30, 40, 50, 60, 70, 80));
  EXPECT_THAT(sizes, ElementsAre(28, 28, 28, 28, 28, 28, 28, 28, 20));
}

TEST(SquadFeatures, GiveEveryTokenMaxContextInOneWindow) {
  const auto tokenizer = uncased_tokenizer();
  const SquadFeatures features =
      make_prediction_features(data_with_words(100), *tokenizer, {32, 10, 8});
  std::vector<int> windows_of_token(100, 0);
  for (const SquadFeature& feature : features.features) {
    for (std::int32_t index = 0; index < feature.window_size(); ++index) {
      windows_of_token[static_cast<std::size_t>(feature.first_token + index)] +=
          feature.has_max_context[static_cast<std::size_t>(index)] ? 1 : 0;
    }
  }
  EXPECT_THAT(windows_of_token, Each(1));
}

TEST(SquadFeatures, MaxContextIsTheSmallerSideAndATieGoesToTheFirstWindow) {
  const auto tokenizer = uncased_tokenizer();
  const SquadFeatures features =
      make_prediction_features(data_with_words(100), *tokenizer, {32, 9, 8});
  const auto holds = [&features](std::size_t window, std::int32_t token) {
    const SquadFeature& feature = features.features[window];
    return feature.has_max_context[static_cast<std::size_t>(token - feature.first_token)];
  };
  EXPECT_TRUE(holds(0, 18)) << "9 tokens on its smaller side in both windows";
  EXPECT_FALSE(holds(1, 18));
  EXPECT_TRUE(holds(1, 19)) << "10 in the second window, 8 in the first";
  EXPECT_FALSE(holds(0, 19));
}

TEST(SquadFeatures, CutALongQuestionAndCountIt) {
  const auto tokenizer = uncased_tokenizer();
  const SquadFeatures features = make_prediction_features(
      data_with_words(5, "one two three four five"), *tokenizer, {64, 16, 3});
  EXPECT_EQ(features.cut_questions, 1);
  EXPECT_EQ(spelt(*tokenizer, features.features[0], 0, 4), "[CLS] one two three [SEP]");
}

TEST(SquadFeatures, OfAParagraphWithoutATokenAreOneEmptyWindow) {
  const auto tokenizer = uncased_tokenizer();
  const SquadData data = squad_of(paragraph_of("\u200B", {question_of("q", "what", "\u200B", 0)}));
  const SquadFeatures features = make_prediction_features(data, *tokenizer, {});
  ASSERT_EQ(features.features.size(), 1U);
  EXPECT_EQ(features.features[0].window_size(), 0);
}

TEST(SquadAnswers, AreNarrowedToTheirOwnTokens) {
  const auto tokenizer = uncased_tokenizer();
  EXPECT_EQ(trained_answer(*tokenizer, "The leader (1895-1943) was old.", "1895"), "1895");
  EXPECT_EQ(trained_answer(*tokenizer, "The leader was old.", "leader was"), "leader was");
}

TEST(SquadAnswers, InsideAWordStayTheWholeWord) {
  const auto tokenizer = uncased_tokenizer();
  EXPECT_EQ(trained_answer(*tokenizer, "The Japanese leader", "Japan"), "japanese");
}

TEST(SquadAnswers, OfSentencepieceAreThePiecesThatHoldThem) {
  const auto tokenizer = sentencepiece_tokenizer();
  EXPECT_EQ(trained_answer(*tokenizer, "The leader (1895-1943) was old.", "1895"), "18 95");
  EXPECT_EQ(trained_answer(*tokenizer, "The leader (1895-1943) was old.", "leader"),
            "\u2581leader");
}

TEST(SquadAnswers, OfASentencepieceWordThatChangedItsLengthAreTheWholeWord) {
  const auto tokenizer = sentencepiece_tokenizer();
  // The normaliser makes three letters of the ellipsis.
  const SquadData data =
      squad_of(paragraph_of("He said well\u2026yes today", {question_of("q", "who?", "yes", 13)}));
  const SquadFeatures features = make_training_features(data, *tokenizer, {});
  const SquadFeature& feature = features.features.at(0);
  std::string text = spelt(*tokenizer, feature, feature.start_position, feature.end_position);
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  EXPECT_EQ(text, "\u2581well...yes");
}

TEST(SquadAnswers, CutByTheWindowAreTrainedTowardsCls) {
  const auto tokenizer = uncased_tokenizer();
  std::string context;
  for (int word = 0; word < 40; ++word) {
    context += word == 27 ? "blue sea " : "sky ";
  }
  const auto start = static_cast<std::int64_t>(context.find("blue"));
  const SquadData data =
      squad_of(paragraph_of(context, {question_of("q", "what", "blue sea", start)}));
  const SquadFeatures features = make_training_features(data, *tokenizer, {32, 10, 8});
  ASSERT_EQ(features.features.size(), 3U);  // tokens 0..27, 10..37, 20..40; the answer is 27..28
  EXPECT_EQ(features.features[0].start_position, 0);
  EXPECT_EQ(features.features[0].end_position, 0);
  const SquadFeature& second = features.features[1];
  EXPECT_EQ(spelt(*tokenizer, second, second.start_position, second.end_position), "blue sea");
  EXPECT_EQ(second.start_position, 3 + 17);
}

TEST(SquadAnswers, OfImpossibleQuestionsAreCls) {
  const auto tokenizer = uncased_tokenizer();
  const SquadData data =
      squad_of(good_squad_with("\"answers\": [{\"text\": \"sky\", \"answer_start\": 4}]",
                               "\"is_impossible\": true, \"answers\": []"));
  const SquadFeatures features = make_training_features(data, *tokenizer, {});
  ASSERT_EQ(features.features.size(), 2U);
  EXPECT_EQ(features.features[0].start_position, 0);
  EXPECT_EQ(features.features[0].end_position, 0);
  EXPECT_GT(features.features[1].start_position, 0);
}

TEST(SquadAnswers, OfTrainingAreTheFirstOfEachQuestion) {
  const auto tokenizer = uncased_tokenizer();
  const SquadData data = squad_of(good_squad_with(
      "[{\"text\": \"sky\", \"answer_start\": 4}]",
      "[{\"text\": \"sky\", \"answer_start\": 4}, {\"text\": \"blue\", \"answer_start\": 11}]"));
  const SquadFeature feature = make_training_features(data, *tokenizer, {}).features.front();
  EXPECT_EQ(spelt(*tokenizer, feature, feature.start_position, feature.end_position), "sky");
}

TEST(SquadAnswers, WithoutTextAreCountedAsUnusable) {
  const auto tokenizer = uncased_tokenizer();
  const SquadData data = squad_of(paragraph_of(
      "The sky", {question_of("q", "what", "", 0), question_of("r", "what", "sky", 4)}));
  const SquadFeatures features = make_training_features(data, *tokenizer, {});
  EXPECT_EQ(features.unusable_questions, 1);
  EXPECT_EQ(features.features.size(), 1U);
}

TEST(TokenizedContext, CountsPlacesOfSentencepiecesInCodePoints) {
  const auto tokenizer = sentencepiece_tokenizer();
  const TokenizedContext context = tokenize_context("na\u00EFve (1895)", *tokenizer);
  EXPECT_THAT(context.word_begin, ElementsAre(0, 6));
  ASSERT_EQ(context.place_of_token.size(), context.tokens.size());
  std::int32_t end = 0;
  for (std::size_t token = 0; token < context.tokens.size(); ++token) {
    const bool begins_word =
        token == 0 || context.word_of_token[token] != context.word_of_token[token - 1];
    EXPECT_EQ(context.place_of_token[token].begin, begins_word ? 0 : end);
    end = context.place_of_token[token].end;
  }
  EXPECT_EQ(end, 6) << "of (1895)";
}

TEST(TokenizedContext, OfWordPieceHasNoPlaces) {
  EXPECT_TRUE(tokenize_context("The sky", *uncased_tokenizer()).place_of_token.empty());
}

}  // namespace
}  // namespace lambert
