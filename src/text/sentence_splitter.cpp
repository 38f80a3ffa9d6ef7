// SPDX-License-Identifier: Apache-2.0
#include "text/sentence_splitter.h"

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
  for (const char* abbreviation : kEnglishAbbreviations) {
    builder->suppressBreakAfter(icu::UnicodeString::fromUTF8(abbreviation), status);
  }
  check_icu(status, "suppressBreakAfter");
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
  for (std::int32_t end = state_->breaks->next(); end != icu::BreakIterator::DONE;
       end = state_->breaks->next()) {
    const std::string_view sentence =
        trim(line.substr(start, static_cast<std::size_t>(end) - start));
    if (!sentence.empty()) {
      sentences.push_back(sentence);
    }
    start = static_cast<std::size_t>(end);
  }
  return sentences;
}

}  // namespace lambert
