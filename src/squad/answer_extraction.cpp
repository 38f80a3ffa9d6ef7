// SPDX-License-Identifier: Apache-2.0
#include "squad/answer_extraction.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <set>

#include "squad/answer_text.h"
#include "text/normalizer.h"
#include "text/utf8.h"

namespace lambert {
namespace {

/// A span of one window that may be the answer.
struct Candidate {
  std::size_t window = 0;
  std::int32_t start = 0;  // positions in input_ids; 0 = no answer
  std::int32_t end = 0;
  double start_logit = 0.0;
  double end_logit = 0.0;

  double score() const { return start_logit + end_logit; }
};

/// Positions of the largest logits, first ones of equals first.
std::vector<std::int32_t> best_positions(const std::vector<float>& logits, std::int64_t count) {
  std::vector<std::int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&logits](std::int32_t left, std::int32_t right) {
    return logits[static_cast<std::size_t>(left)] > logits[static_cast<std::size_t>(right)];
  });
  order.resize(std::min(order.size(), static_cast<std::size_t>(count)));
  return order;
}

bool is_allowed(const SquadFeature& window, std::int32_t start, std::int32_t end,
                std::int64_t longest) {
  const std::int32_t last = window.window_begin + window.window_size() - 1;
  return start >= window.window_begin && end <= last && end >= start &&
         end - start + 1 <= longest &&
         window.has_max_context[static_cast<std::size_t>(start - window.window_begin)];
}

void add_candidates(const SquadFeature& window, const WindowLogits& logits, std::size_t number,
                    const ExtractionOptions& options, std::vector<Candidate>& candidates) {
  const std::vector<std::int32_t> ends = best_positions(logits.end, options.n_best_size);
  for (const std::int32_t start : best_positions(logits.start, options.n_best_size)) {
    for (const std::int32_t end : ends) {
      if (is_allowed(window, start, end, options.max_answer_length)) {
        candidates.push_back({number, start, end, logits.start[static_cast<std::size_t>(start)],
                              logits.end[static_cast<std::size_t>(end)]});
      }
    }
  }
}

/// "No answer" is the [CLS] span of the window where it scores least: one window that sees the
/// answer is enough.
Candidate null_candidate(const std::vector<const WindowLogits*>& logits) {
  Candidate null;
  double smallest = std::numeric_limits<double>::infinity();
  for (std::size_t number = 0; number < logits.size(); ++number) {
    const double start = logits[number]->start.front();
    const double end = logits[number]->end.front();
    if (start + end < smallest) {
      smallest = start + end;
      null = {number, 0, 0, start, end};
    }
  }
  return null;
}

void erase_all(std::string& text, std::string_view piece) {
  for (std::size_t at = text.find(piece); at != std::string::npos; at = text.find(piece)) {
    text.erase(at, piece.size());
  }
}

std::string joined_words(const TokenizedContext& context, std::int32_t first, std::int32_t last) {
  std::string text;
  for (std::int32_t word = first; word <= last; ++word) {
    text += (word == first ? "" : " ") + context.words[static_cast<std::size_t>(word)];
  }
  return text;
}

/// Sentencepiece: the words of two tokens, without what stands before the first and behind the last
/// one. All of it when they are not even one letter.
std::string cut_at_pieces(const std::string& words, const TokenizedContext& context,
                          std::size_t first_token, std::size_t last_token) {
  const auto last_word = static_cast<std::size_t>(context.word_of_token[last_token]);
  const std::u32string text = to_code_points(words);
  const std::size_t start_of_last_word = text.size() - count_code_points(context.words[last_word]);
  const auto begin = static_cast<std::size_t>(context.place_of_token[first_token].begin);
  const std::size_t end =
      start_of_last_word + static_cast<std::size_t>(context.place_of_token[last_token].end);
  if (begin >= end) {
    return words;
  }
  std::u32string cut;
  for (const std::u32string& word :
       split_at_spaces(std::u32string_view(text).substr(begin, end - begin))) {
    cut += (cut.empty() ? U"" : U" ") + word;
  }
  return cut.empty() ? words : to_utf8(cut);
}

/// The tokens as the text that they spell in the tokenizer's own normal form.
std::string spell(const SquadFeature& window, const Candidate& candidate,
                  const Tokenizer& tokenizer) {
  std::string text;
  for (std::int32_t position = candidate.start; position <= candidate.end; ++position) {
    text += (text.empty() ? "" : " ") +
            tokenizer.token(window.input_ids[static_cast<std::size_t>(position)]);
  }
  erase_all(text, " ##");
  erase_all(text, "##");
  std::string result;
  for (const std::u32string& word : split_at_spaces(to_code_points(text))) {
    result += (result.empty() ? "" : " ") + to_utf8(word);
  }
  return result;
}

std::string text_of(const Candidate& candidate, const SquadFeature& window,
                    const TokenizedContext& context, const Tokenizer& tokenizer) {
  if (candidate.start == 0) {
    return "";
  }
  const auto token_at = [&window](std::int32_t position) {
    return static_cast<std::size_t>(position - window.window_begin + window.first_token);
  };
  const std::size_t first_token = token_at(candidate.start);
  const std::size_t last_token = token_at(candidate.end);
  const std::string words =
      joined_words(context, context.word_of_token[first_token], context.word_of_token[last_token]);
  if (!context.place_of_token.empty()) {
    return cut_at_pieces(words, context, first_token, last_token);
  }
  return align_to_original(spell(window, candidate, tokenizer), words, tokenizer.cased());
}

void set_probabilities(std::vector<RankedAnswer>& answers) {
  double largest = -std::numeric_limits<double>::infinity();
  for (const RankedAnswer& answer : answers) {
    largest = std::max(largest, answer.start_logit + answer.end_logit);
  }
  double total = 0.0;
  for (RankedAnswer& answer : answers) {
    answer.probability = std::exp(answer.start_logit + answer.end_logit - largest);
    total += answer.probability;
  }
  for (RankedAnswer& answer : answers) {
    answer.probability /= total;
  }
}

/// Code points that are not spaces, and where each stands in the text.
struct Letters {
  explicit Letters(std::u32string_view text) {
    for (std::size_t place = 0; place < text.size(); ++place) {
      if (text[place] != U' ') {
        places.push_back(place);
      }
    }
  }
  /// Which letter stands at a place.
  std::optional<std::size_t> number_at(std::size_t place) const {
    const auto found = std::lower_bound(places.begin(), places.end(), place);
    if (found == places.end() || *found != place) {
      return std::nullopt;
    }
    return static_cast<std::size_t>(found - places.begin());
  }
  std::vector<std::size_t> places;
};

/// The tokenizer's words, joined by spaces.
class WordJoiner : public WordSink {
 public:
  void take_word(std::string_view word) override {
    text_ += text_.empty() ? "" : " ";
    text_ += word;
  }
  void take_overlong_word() override { take_word("[UNK]"); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace

std::string align_to_original(std::string_view token_text, const std::string& words, bool cased) {
  WordJoiner joiner;
  Normalizer(cased).split(words, joiner);
  const std::u32string normal = to_code_points(joiner.text());
  const std::u32string wanted = to_code_points(token_text);
  const std::size_t first = normal.find(wanted);
  if (first == std::u32string::npos || wanted.empty()) {
    return words;
  }
  const std::u32string original = to_code_points(words);
  const Letters normal_letters(normal);
  const Letters original_letters(original);
  if (normal_letters.places.size() != original_letters.places.size()) {
    return words;
  }
  const auto first_letter = normal_letters.number_at(first);
  const auto last_letter = normal_letters.number_at(first + wanted.size() - 1);
  if (!first_letter || !last_letter) {
    return words;
  }
  const std::size_t begin = original_letters.places[*first_letter];
  const std::size_t end = original_letters.places[*last_letter] + 1;
  return to_utf8(std::u32string_view(original).substr(begin, end - begin));
}

QuestionAnswer extract_answer(const std::vector<const SquadFeature*>& windows,
                              const std::vector<const WindowLogits*>& logits,
                              const TokenizedContext& context, const Tokenizer& tokenizer,
                              const ExtractionOptions& options) {
  std::vector<Candidate> candidates;
  for (std::size_t number = 0; number < windows.size(); ++number) {
    add_candidates(*windows[number], *logits[number], number, options, candidates);
  }
  const bool may_be_null = options.version == SquadVersion::v2_0;
  const Candidate null = null_candidate(logits);
  if (may_be_null) {
    candidates.push_back(null);
  }
  std::stable_sort(
      candidates.begin(), candidates.end(),
      [](const Candidate& left, const Candidate& right) { return left.score() > right.score(); });

  QuestionAnswer result;
  std::set<std::string> seen;
  for (const Candidate& candidate : candidates) {
    if (static_cast<std::int64_t>(result.n_best.size()) >= options.n_best_size) {
      break;
    }
    const std::string text = text_of(candidate, *windows[candidate.window], context, tokenizer);
    if (seen.insert(text).second) {
      result.n_best.push_back({text, 0.0, candidate.start_logit, candidate.end_logit});
    }
  }
  if (may_be_null && !seen.contains("")) {
    result.n_best.push_back({"", 0.0, null.start_logit, null.end_logit});
  }
  if (result.n_best.empty()) {
    result.n_best.push_back({"empty", 0.0, 0.0, 0.0});
  }
  set_probabilities(result.n_best);
  result.text = result.n_best.front().text;
  if (may_be_null) {
    const auto best = std::find_if(result.n_best.begin(), result.n_best.end(),
                                   [](const RankedAnswer& answer) { return !answer.text.empty(); });
    if (best == result.n_best.end()) {
      result.text.clear();
      result.null_odds = null.score();
    } else {
      result.null_odds = null.score() - best->start_logit - best->end_logit;
      result.text = result.null_odds > options.null_score_difference_threshold ? "" : best->text;
    }
  }
  return result;
}

}  // namespace lambert
