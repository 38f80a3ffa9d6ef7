// SPDX-License-Identifier: Apache-2.0
#include "squad/squad_features.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "squad/answer_text.h"
#include "text/utf8.h"

namespace lambert {
namespace {

/// What the original's is_whitespace() takes for a word boundary.
bool separates_words(char32_t code_point) {
  return code_point == U' ' || code_point == U'\t' || code_point == U'\r' || code_point == U'\n' ||
         code_point == 0x202F;
}

/// A piece of a paragraph's tokens.
struct Window {
  std::int32_t begin = 0;
  std::int32_t size = 0;
};

std::vector<Window> cut_windows(std::int32_t tokens, std::int32_t longest, std::int32_t stride) {
  std::vector<Window> windows;
  std::int32_t begin = 0;
  while (begin < tokens) {
    const std::int32_t size = std::min(tokens - begin, longest);
    windows.push_back({begin, size});
    if (begin + size == tokens) {
      break;
    }
    begin += std::min(size, stride);
  }
  if (windows.empty()) {
    windows.push_back({});  // a paragraph without a single token still gets its answer
  }
  return windows;
}

/// The window in which a token has most context: max over windows of min(left, right) + 0.01 size,
/// the first one of equals. any: a window that holds the token; the others that do are its
/// neighbours.
std::size_t best_window(const std::vector<Window>& windows, std::size_t any, std::int32_t token) {
  const auto holds = [&windows, token](std::size_t index) {
    return windows[index].begin <= token && token < windows[index].begin + windows[index].size;
  };
  std::size_t first = any;
  while (first > 0 && holds(first - 1)) {
    --first;
  }
  std::size_t best = first;
  double best_score = -std::numeric_limits<double>::infinity();
  for (std::size_t index = first; index < windows.size() && holds(index); ++index) {
    const Window& window = windows[index];
    const std::int32_t last = window.begin + window.size - 1;
    const double score = std::min(token - window.begin, last - token) + 0.01 * window.size;
    if (score > best_score) {
      best_score = score;
      best = index;
    }
  }
  return best;
}

/// First and last token of an answer in its paragraph.
struct TokenSpan {
  std::int32_t first = 0;
  std::int32_t last = 0;
};

/// The shortest way from the words' tokens to the answer's own: "(1895-1943)" holds "1895" as one
/// of its tokens. _improve_answer_span() of the original.
TokenSpan narrow(const TokenSpan& words, const TokenizedContext& context,
                 const std::vector<std::int32_t>& answer) {
  const auto size = static_cast<std::int32_t>(answer.size());
  for (std::int32_t first = words.first; first <= words.last; ++first) {
    const std::int32_t last = first + size - 1;
    if (size > 0 && last <= words.last &&
        std::equal(answer.begin(), answer.end(), context.tokens.begin() + first)) {
      return {first, last};
    }
  }
  return words;
}

std::u32string joined(const std::vector<std::u32string>& words) {
  std::u32string text;
  for (const std::u32string& word : words) {
    text += text.empty() ? word : U" " + word;
  }
  return text;
}

/// True when the words from first to last contain the answer, as the original checks it.
bool words_contain(const TokenizedContext& context, std::int32_t first, std::int32_t last,
                   const std::string& answer) {
  std::u32string text;
  for (std::int32_t word = first; word <= last; ++word) {
    text += text.empty() ? U"" : U" ";
    text += to_code_points(context.words[static_cast<std::size_t>(word)]);
  }
  return text.find(joined(split_at_spaces(to_code_points(answer)))) != std::u32string::npos;
}

/// Where the pieces from first_piece to the last token stand in their word. Pieces spell the
/// normalised word, with U+2581 for the space before it, so that places are counted.
void place_pieces(const Tokenizer& tokenizer, std::size_t first_piece, std::int32_t word_length,
                  TokenizedContext& context) {
  std::int32_t place = 0;
  for (std::size_t piece = first_piece; piece < context.tokens.size(); ++piece) {
    const std::u32string text = to_code_points(tokenizer.token(context.tokens[piece]));
    const auto letters = static_cast<std::int32_t>(text.size()) -
                         static_cast<std::int32_t>(std::count(text.begin(), text.end(), U'\u2581'));
    context.place_of_token.push_back({place, place + letters});
    place += letters;
  }
  if (place != word_length) {
    std::fill(context.place_of_token.begin() + static_cast<std::ptrdiff_t>(first_piece),
              context.place_of_token.end(), PlaceInWord{0, word_length});
  }
}

/// Sentencepiece: the answer's own tokens, by their places. An answer alone is spelt with another
/// first piece than inside "(1895", so that narrow() would not find it.
TokenSpan narrow_by_place(TokenSpan words, const TokenizedContext& context, std::int64_t begin,
                          std::int64_t end) {
  const auto place = [&context](std::int32_t token, std::int32_t PlaceInWord::*edge) {
    const auto index = static_cast<std::size_t>(token);
    return std::int64_t{
               context.word_begin[static_cast<std::size_t>(context.word_of_token[index])]} +
           context.place_of_token[index].*edge;
  };
  while (words.first < words.last && place(words.first, &PlaceInWord::end) <= begin) {
    ++words.first;
  }
  while (words.last > words.first && place(words.last, &PlaceInWord::begin) >= end) {
    --words.last;
  }
  return words;
}

/// Nothing when the answer is not where its offset says.
std::optional<TokenSpan> find_answer(const SquadAnswer& answer, const TokenizedContext& context,
                                     const Tokenizer& tokenizer) {
  const auto length = static_cast<std::int64_t>(count_code_points(answer.text));
  if (length == 0 || context.words.empty()) {
    return std::nullopt;
  }
  const std::int32_t first_word =
      context.word_of_code_point[static_cast<std::size_t>(answer.start)];
  const std::int32_t last_word =
      context.word_of_code_point[static_cast<std::size_t>(answer.start + length - 1)];
  if (!words_contain(context, first_word, last_word, answer.text)) {
    return std::nullopt;
  }
  const auto next_word = static_cast<std::size_t>(last_word) + 1;
  const std::int32_t last_token = next_word < context.words.size()
                                      ? context.first_token_of_word[next_word] - 1
                                      : static_cast<std::int32_t>(context.tokens.size()) - 1;
  const TokenSpan words = {context.first_token_of_word[static_cast<std::size_t>(first_word)],
                           last_token};
  if (words.last < words.first) {
    return std::nullopt;  // control characters alone have no token
  }
  if (!context.place_of_token.empty()) {
    return narrow_by_place(words, context, answer.start, answer.start + length);
  }
  std::vector<std::int32_t> tokens;
  tokenizer.encode(answer.text, tokens);
  return narrow(words, context, tokens);
}

SquadFeature make_feature(std::size_t question, const std::vector<std::int32_t>& question_ids,
                          const TokenizedContext& context, const std::vector<Window>& windows,
                          std::size_t number, const SpecialTokens& special) {
  const Window& window = windows[number];
  SquadFeature feature;
  feature.question = question;
  feature.input_ids.push_back(special.cls);
  feature.input_ids.insert(feature.input_ids.end(), question_ids.begin(), question_ids.end());
  feature.input_ids.push_back(special.sep);
  feature.window_begin = static_cast<std::int32_t>(feature.input_ids.size());
  feature.first_token = window.begin;
  const auto begin = context.tokens.begin() + window.begin;
  feature.input_ids.insert(feature.input_ids.end(), begin, begin + window.size);
  feature.input_ids.push_back(special.sep);
  for (std::int32_t token = window.begin; token < window.begin + window.size; ++token) {
    feature.has_max_context.push_back(best_window(windows, number, token) == number);
  }
  return feature;
}

/// A window that cuts the answer is trained towards [CLS].
void set_answer(const TokenSpan& answer, SquadFeature& feature) {
  const std::int32_t end = feature.first_token + feature.window_size();
  if (answer.first >= feature.first_token && answer.last < end) {
    feature.start_position = answer.first - feature.first_token + feature.window_begin;
    feature.end_position = answer.last - feature.first_token + feature.window_begin;
  }
}

SquadFeatures make_features(const SquadData& data, const Tokenizer& tokenizer,
                            const FeatureOptions& options, bool for_training) {
  SquadFeatures result;
  for (const std::string& context : data.contexts) {
    result.contexts.push_back(tokenize_context(context, tokenizer));
  }
  for (std::size_t index = 0; index < data.questions.size(); ++index) {
    const SquadQuestion& question = data.questions[index];
    const TokenizedContext& context = result.contexts[question.context];
    std::optional<TokenSpan> answer;
    if (for_training && !question.is_impossible) {
      answer = question.wrong_offset.empty()
                   ? find_answer(question.answers.front(), context, tokenizer)
                   : std::nullopt;
      if (!answer) {
        ++result.unusable_questions;
        continue;
      }
    }
    std::vector<std::int32_t> question_ids;
    tokenizer.encode(question.text, question_ids);
    if (static_cast<std::int64_t>(question_ids.size()) > options.max_query_length) {
      question_ids.resize(static_cast<std::size_t>(options.max_query_length));
      ++result.cut_questions;
    }
    const auto longest = static_cast<std::int32_t>(
        options.max_seq_length - static_cast<std::int64_t>(question_ids.size()) - 3);
    const std::vector<Window> windows =
        cut_windows(static_cast<std::int32_t>(context.tokens.size()), longest,
                    static_cast<std::int32_t>(options.doc_stride));
    for (std::size_t number = 0; number < windows.size(); ++number) {
      SquadFeature feature =
          make_feature(index, question_ids, context, windows, number, tokenizer.special_tokens());
      if (answer) {
        set_answer(*answer, feature);
      }
      result.features.push_back(std::move(feature));
    }
  }
  return result;
}

}  // namespace

TokenizedContext tokenize_context(const std::string& context, const Tokenizer& tokenizer) {
  TokenizedContext result;
  std::vector<std::int32_t> word_lengths;  // code points
  bool inside = false;
  for (const char32_t code_point : to_code_points(context)) {
    if (separates_words(code_point)) {
      inside = false;
    } else {
      if (!inside) {
        result.words.emplace_back();
        result.word_begin.push_back(static_cast<std::int32_t>(result.word_of_code_point.size()));
        word_lengths.push_back(0);
        inside = true;
      }
      append_utf8(code_point, result.words.back());
      ++word_lengths.back();
    }
    const auto words = static_cast<std::int32_t>(result.words.size());
    result.word_of_code_point.push_back(std::max(words - 1, 0));
  }
  for (std::size_t word = 0; word < result.words.size(); ++word) {
    const std::size_t first_token = result.tokens.size();
    result.first_token_of_word.push_back(static_cast<std::int32_t>(first_token));
    tokenizer.encode(result.words[word], result.tokens);
    if (tokenizer.type() == "sentencepiece") {
      place_pieces(tokenizer, first_token, word_lengths[word], result);
    }
    result.word_of_token.resize(result.tokens.size(), static_cast<std::int32_t>(word));
  }
  return result;
}

SquadFeatures make_prediction_features(const SquadData& data, const Tokenizer& tokenizer,
                                       const FeatureOptions& options) {
  return make_features(data, tokenizer, options, false);
}

SquadFeatures make_training_features(const SquadData& data, const Tokenizer& tokenizer,
                                     const FeatureOptions& options) {
  return make_features(data, tokenizer, options, true);
}

}  // namespace lambert
