// SPDX-License-Identifier: Apache-2.0
#include "text/sentence_splitter.h"

#include <algorithm>
#include <iterator>
#include <string>

#include <unicode/brkiter.h>
#include <unicode/filteredbrk.h>
#include <unicode/utext.h>

#include "base/error.h"
#include "text/english_abbreviations.h"

namespace lambert {
namespace {

void check_icu(UErrorCode status, const char* what) {
  if (U_FAILURE(status) != 0) {
    throw InternalError(std::string("splitting sentences: ICU failed in ") + what + ": " +
                        u_errorName(status) + "; is ICU's data package installed?");
  }
}

std::unique_ptr<icu::BreakIterator> make_break_iterator() {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Locale& locale = icu::Locale::getEnglish();
  const std::unique_ptr<icu::FilteredBreakIteratorBuilder> builder(
      icu::FilteredBreakIteratorBuilder::createInstance(locale, status));
  check_icu(status, "FilteredBreakIteratorBuilder");
  std::unique_ptr<icu::BreakIterator> plain(
      icu::BreakIterator::createSentenceInstance(locale, status));
  check_icu(status, "createSentenceInstance");
  std::unique_ptr<icu::BreakIterator> filtered(
      builder->wrapIteratorWithFilter(plain.release(), status));
  check_icu(status, "wrapIteratorWithFilter");
  return filtered;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\v\f\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// A word that does not end a sentence though a full stop ends it: a listed abbreviation, or an
/// initial
/// ("J. Smith"; but "I." is the pronoun more often).
bool is_abbreviation(std::string_view word) {
  const bool is_initial =
      word.size() == 2 && word[1] == '.' && word[0] >= 'A' && word[0] <= 'Z' && word[0] != 'I';
  return is_initial || std::binary_search(std::begin(kEnglishAbbreviations),
                                          std::end(kEnglishAbbreviations), word);
}

/// The last word of a sentence, without brackets and quotation marks in front.
std::string_view last_word(std::string_view sentence) {
  const std::size_t blank = sentence.find_last_of(" \t");
  const std::string_view word =
      blank == std::string_view::npos ? sentence : sentence.substr(blank + 1);
  const std::size_t first = word.find_first_not_of("([{\"'");
  return first == std::string_view::npos ? word : word.substr(first);
}

}  // namespace

struct SentenceSplitter::State {
  std::unique_ptr<icu::BreakIterator> breaks = make_break_iterator();
  UText text = UTEXT_INITIALIZER;

  ~State() { utext_close(&text); }
};

SentenceSplitter::SentenceSplitter() : state_(std::make_unique<State>()) {}
SentenceSplitter::~SentenceSplitter() = default;

std::vector<std::string_view> SentenceSplitter::split(std::string_view line) {
  // Over the UTF-8 itself, so that ICU's positions are byte offsets into the line.
  UErrorCode status = U_ZERO_ERROR;
  utext_openUTF8(&state_->text, line.data(), static_cast<std::int64_t>(line.size()), &status);
  check_icu(status, "utext_openUTF8");
  state_->breaks->setText(&state_->text, status);
  check_icu(status, "setText");
  std::vector<std::string_view> sentences;
  auto start = static_cast<std::size_t>(state_->breaks->first());
  for (std::int32_t next = state_->breaks->next(); next != icu::BreakIterator::DONE;
       next = state_->breaks->next()) {
    const auto end = static_cast<std::size_t>(next);
    const std::string_view sentence = trim(line.substr(start, end - start));
    if (end < line.size() && is_abbreviation(last_word(sentence))) {
      continue;  // the next part belongs to it
    }
    if (!sentence.empty()) {
      sentences.push_back(sentence);
    }
    start = end;
  }
  const std::string_view rest = trim(line.substr(start));
  if (!rest.empty()) {
    sentences.push_back(rest);
  }
  return sentences;
}

}  // namespace lambert
