// SPDX-License-Identifier: Apache-2.0
// Input: a SQuAD file, then, each after a NUL byte, predictions and null odds where there are any.
// Accepted means that answers stand where they are said to, that windows and extracted answers keep
// to the paragraph, and that scores are percentages.
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/fuzz_target.h"
#include "squad/answer_extraction.h"
#include "squad/answer_text.h"
#include "squad/squad_score.h"
#include "text/tokenizer.h"

namespace lambert {
namespace {

constexpr const char* kFile = "input.json";
constexpr const char* kVocabulary = LAMBERT_SOURCE_DIRECTORY "/data/sample/vocab.txt";
constexpr const char* kPieces =
    LAMBERT_SOURCE_DIRECTORY "/tests/fixtures/tokenizer/sp-unigram-uncased-16k.model";
/// Small, so that a short paragraph has many windows.
constexpr FeatureOptions kFeatureOptions{24, 5, 6};

/// Up to three parts between NUL bytes; a missing one is empty.
std::array<std::string_view, 3> split_input(std::string_view input) {
  std::array<std::string_view, 3> parts;
  for (std::string_view& part : parts) {
    const std::size_t end = std::min(input.find('\0'), input.size());
    part = input.substr(0, end);
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  return parts;
}

/// A decoder of its own, for text that is known to be UTF-8.
std::u32string decode(std::string_view text) {
  std::u32string code_points;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if ((byte & 0xC0U) == 0x80U) {
      code_points.back() = (code_points.back() << 6U) | (byte & 0x3FU);
    } else if (byte < 0x80U) {
      code_points += byte;
    } else {
      code_points += byte & (byte < 0xE0U ? 0x1FU : byte < 0xF0U ? 0x0FU : 0x07U);
    }
  }
  return code_points;
}

bool stands_at_its_start(const SquadAnswer& answer, const std::u32string& context) {
  const std::u32string text = decode(answer.text);
  return answer.start >= 0 && static_cast<std::size_t>(answer.start) <= context.size() &&
         context.substr(static_cast<std::size_t>(answer.start), text.size()) == text;
}

void check_data(const SquadData& data) {
  require(!data.questions.empty(), "there is a question");
  for (const SquadQuestion& question : data.questions) {
    const std::u32string context = decode(data.contexts.at(question.context));
    const bool right = std::all_of(
        question.answers.begin(), question.answers.end(),
        [&context](const auto& answer) { return stands_at_its_start(answer, context); });
    require(right == question.wrong_offset.empty(),
            "a wrong offset is noticed, a right one is not");
    require(question.is_impossible == question.answers.empty(), "impossible means no answers");
  }
}

/// What training and scoring ask of the data before they take it.
void ask_for_use(const SquadData& data) {
  for (const SquadVersion version : {SquadVersion::v1_1, SquadVersion::v2_0}) {
    try {
      require_version(data, version);
      require_answer_offsets(data);
    } catch (const DataError& error) {
      require_short_message(error);
    }
  }
}

void check_normalization(const SquadData& data) {
  for (const SquadQuestion& question : data.questions) {
    for (const SquadAnswer& answer : question.answers) {
      const std::vector<std::string> words = normalized_words(answer.text);
      std::string joined;
      for (const std::string& word : words) {
        joined += word + " ";
      }
      require(normalized_words(joined) == words, "normalising twice changes nothing");
    }
  }
}

void require_percent(double value) {
  require(value >= 0.0 && value <= 100.0, "a score is a percentage");
}

void check_mean(const MeanScore& mean) {
  require_percent(mean.exact_match);
  require_percent(mean.f1);
}

void check_score(const SquadData& data, const Predictions& predictions, SquadVersion version,
                 const NullOdds* odds) {
  const SquadScore score = score_squad(data, predictions, version, odds);
  check_mean(score.all);
  require(score.questions.size() == data.questions.size(), "every question has its score");
  require(score.unknown.size() + data.questions.size() == predictions.size() + score.missing.size(),
          "every prediction is of a question or unknown");
  if (version == SquadVersion::v2_0) {
    std::int64_t total = 0;
    for (const std::optional<MeanScore>& part : {score.with_answer, score.without_answer}) {
      check_mean(part.value_or(MeanScore{}));
      total += part.value_or(MeanScore{}).total;
    }
    require(total == score.all.total, "every question has an answer or none");
  }
  if (score.best) {
    require_percent(score.best->exact_match);
    require_percent(score.best->f1);
  }
}

void check_right_answers(const SquadData& data) {
  Predictions predictions;
  for (const SquadQuestion& question : data.questions) {
    predictions[question.id] = question.answers.empty() ? "" : question.answers.front().text;
  }
  const SquadScore score = score_squad(data, predictions, SquadVersion::v1_1);
  require(score.all.exact_match == 100.0, "the right answers match exactly");
}

void check_context(const TokenizedContext& context, const std::string& text) {
  require(context.word_of_code_point.size() == decode(text).size(), "every code point has a word");
  require(context.word_of_token.size() == context.tokens.size(), "every token has a word");
  require(context.first_token_of_word.size() == context.words.size(), "every word has its tokens");
  require(std::is_sorted(context.word_of_token.begin(), context.word_of_token.end()),
          "tokens are in the order of words");
}

void check_window(const SquadFeature& window, const TokenizedContext& context,
                  const SpecialTokens& special) {
  const auto length = static_cast<std::int32_t>(window.input_ids.size());
  const std::int32_t end = window.window_begin + window.window_size();
  require(length <= kFeatureOptions.max_seq_length, "a window has at most max_seq_length tokens");
  require(window.window_begin >= 2 && window.window_begin <= kFeatureOptions.max_query_length + 2,
          "a question has at most max_query_length tokens");
  require(end + 1 == length && window.input_ids.front() == special.cls &&
              window.input_ids.back() == special.sep &&
              window.input_ids[static_cast<std::size_t>(window.window_begin) - 1] == special.sep,
          "[CLS] question [SEP] window [SEP]");
  require(
      window.first_token >= 0 &&
          static_cast<std::size_t>(window.first_token + window.window_size()) <=
              context.tokens.size() &&
          std::equal(window.input_ids.begin() + window.window_begin, window.input_ids.begin() + end,
                     context.tokens.begin() + window.first_token),
      "a window is a piece of its paragraph");
  const bool has_answer = window.start_position != 0 || window.end_position != 0;
  require(
      !has_answer || (window.start_position >= window.window_begin &&
                      window.start_position <= window.end_position && window.end_position < end),
      "an answer is inside its window");
}

using Windows = std::vector<const SquadFeature*>;  // of one question, in order

std::vector<Windows> group_windows(const SquadFeatures& features, std::size_t question_count) {
  std::vector<Windows> groups(question_count);
  for (const SquadFeature& window : features.features) {
    groups.at(window.question).push_back(&window);
  }
  return groups;
}

void check_coverage(const Windows& windows, const TokenizedContext& context) {
  std::vector<int> owners(context.tokens.size(), 0);
  for (const SquadFeature* window : windows) {
    for (std::int32_t index = 0; index < window->window_size(); ++index) {
      owners[static_cast<std::size_t>(window->first_token + index)] +=
          window->has_max_context[static_cast<std::size_t>(index)] ? 1 : 0;
    }
  }
  require(std::all_of(owners.begin(), owners.end(), [](int count) { return count == 1; }),
          "every token has the most context in exactly one window");
}

/// Between 0 and 10, from the place alone.
float logit(std::size_t window, std::size_t position, std::size_t which) {
  return static_cast<float>((position * 2654435761U + window * 40503U + which * 97U) % 1024) /
         102.F;
}

WindowLogits make_logits(const SquadFeature& window, std::size_t number) {
  WindowLogits logits;
  for (std::size_t position = 0; position < window.input_ids.size(); ++position) {
    logits.start.push_back(logit(number, position, 0));
    logits.end.push_back(logit(number, position, 1));
  }
  return logits;
}

/// With one plain space for every run of white space.
std::string spaced(std::string_view text) {
  std::string result;
  for (const std::u32string& word : split_at_spaces(to_code_points(text))) {
    result += (result.empty() ? "" : " ") + to_utf8(word);
  }
  return result;
}

void check_answer(const Windows& windows, const TokenizedContext& context,
                  const Tokenizer& tokenizer, SquadVersion version) {
  std::vector<WindowLogits> logits;
  for (const SquadFeature* window : windows) {
    logits.push_back(make_logits(*window, logits.size()));
  }
  std::vector<const WindowLogits*> pointers;
  for (const WindowLogits& of_window : logits) {
    pointers.push_back(&of_window);
  }
  ExtractionOptions options;
  options.version = version;
  options.n_best_size = 3;
  const QuestionAnswer answer = extract_answer(windows, pointers, context, tokenizer, options);
  std::string words;
  for (const std::string& word : context.words) {
    words += word + " ";
  }
  words = spaced(words);
  require(!answer.n_best.empty() && answer.n_best.size() <= 4, "n-best answers are kept");
  for (const RankedAnswer& ranked : answer.n_best) {
    require(ranked.text == "empty" || words.find(spaced(ranked.text)) != std::string::npos,
            "an answer stands in its paragraph");
    require(ranked.probability >= 0.0 && ranked.probability <= 1.0, "a probability is one");
  }
}

void check_features(const SquadData& data, const Tokenizer& tokenizer) {
  const SquadFeatures features = make_prediction_features(data, tokenizer, kFeatureOptions);
  const SquadFeatures training = make_training_features(data, tokenizer, kFeatureOptions);
  for (std::size_t index = 0; index < data.contexts.size(); ++index) {
    check_context(features.contexts[index], data.contexts[index]);
  }
  for (const SquadFeatures* some : {&features, &training}) {
    for (const SquadFeature& window : some->features) {
      check_window(window, features.contexts[data.questions[window.question].context],
                   tokenizer.special_tokens());
    }
  }
  const std::vector<Windows> groups = group_windows(features, data.questions.size());
  for (std::size_t index = 0; index < groups.size(); ++index) {
    const TokenizedContext& context = features.contexts[data.questions[index].context];
    check_coverage(groups[index], context);
    check_answer(groups[index], context, tokenizer,
                 data.has_impossible_key ? SquadVersion::v2_0 : SquadVersion::v1_1);
  }
}

/// One of every kind; which one is a property of the input alone.
const Tokenizer& tokenizer_for(std::string_view input) {
  static const std::array<std::unique_ptr<Tokenizer>, 3> kTokenizers = {
      load_tokenizer(kVocabulary, true), load_tokenizer(kVocabulary, false),
      load_tokenizer(kPieces, false)};
  return *kTokenizers[input.size() % kTokenizers.size()];
}

}  // namespace

bool accepts(std::string_view input) {
  const auto [data_text, predictions_text, odds_text] = split_input(input);
  SquadData data;
  Predictions predictions;
  std::optional<NullOdds> odds;
  try {
    data = parse_squad(data_text, kFile);
    if (!predictions_text.empty()) {
      predictions = parse_predictions(predictions_text, kFile);
    }
    if (!odds_text.empty()) {
      odds = parse_null_odds(odds_text, kFile);
    }
  } catch (const DataError& error) {
    require_short_message(error);
    return false;
  }
  check_data(data);
  ask_for_use(data);
  check_normalization(data);
  check_right_answers(data);
  check_score(data, predictions, SquadVersion::v1_1, nullptr);
  check_score(data, predictions, SquadVersion::v2_0, odds ? &*odds : nullptr);
  check_features(data, tokenizer_for(input));
  return true;
}

}  // namespace lambert
