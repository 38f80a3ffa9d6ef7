// SPDX-License-Identifier: Apache-2.0
#include "text/normalizer.h"

#include <algorithm>
#include <array>

#include "text/code_point.h"
#include "text/utf8.h"

namespace lambert {
namespace {

constexpr char32_t kCapitalSigma = 0x3A3;
constexpr char32_t kSmallSigma = 0x3C3;
constexpr char32_t kFinalSigma = 0x3C2;
constexpr char32_t kCapitalIWithDot = 0x130;
constexpr char32_t kDotAbove = 0x307;

struct AsciiTable {
  std::array<CharacterKind, 128> kind{};
  std::array<char, 128> lower{};

  AsciiTable() {
    for (std::size_t i = 0; i < kind.size(); ++i) {
      kind[i] = kind_of(static_cast<char32_t>(i));
      lower[i] = static_cast<char>(i >= 'A' && i <= 'Z' ? i + ('a' - 'A') : i);
    }
  }
};

const AsciiTable& ascii_table() {
  static const AsciiTable table;
  return table;
}

bool is_ascii(char byte) {
  return static_cast<unsigned char>(byte) < 0x80;
}

bool is_ascii_space(char byte) {
  return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
}

/// Unicode's Final_Sigma condition at word[index]: a cased letter before and none after, looking
/// through case-ignorable characters. Linear over a word, because sigmas themselves end the search
/// of their neighbours.
bool is_final_sigma(const std::vector<char32_t>& word, std::size_t index) {
  std::size_t before = index;
  while (before > 0 && is_case_ignorable(word[before - 1])) {
    --before;
  }
  if (before == 0 || !is_cased(word[before - 1])) {
    return false;
  }
  std::size_t after = index + 1;
  while (after < word.size() && is_case_ignorable(word[after])) {
    ++after;
  }
  return after == word.size() || !is_cased(word[after]);
}

void emit(const std::vector<char32_t>& word, std::size_t first, std::size_t last, WordSink& sink) {
  if (first == last) {
    return;
  }
  if (last - first > kMaxWordCharacters) {
    sink.take_overlong_word();
    return;
  }
  std::string bytes;
  for (std::size_t i = first; i < last; ++i) {
    append_utf8(word[i], bytes);
  }
  sink.take_word(bytes);
}

void split_at_punctuation(const std::vector<char32_t>& word, WordSink& sink) {
  std::size_t first = 0;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (kind_of(word[i]) == CharacterKind::punctuation) {
      emit(word, first, i, sink);
      emit(word, i, i + 1, sink);
      first = i + 1;
    }
  }
  emit(word, first, word.size(), sink);
}

}  // namespace

std::vector<char32_t> lower_case_word(const std::vector<char32_t>& word) {
  std::vector<char32_t> lower;
  lower.reserve(word.size());
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] == kCapitalIWithDot) {
      lower.insert(lower.end(), {U'i', kDotAbove});
    } else if (word[i] == kCapitalSigma) {
      lower.push_back(is_final_sigma(word, i) ? kFinalSigma : kSmallSigma);
    } else {
      lower.push_back(simple_lower_case(word[i]));
    }
  }
  return lower;
}

// Marks are dropped before the reordering, not after: a stable sort by combining class gives the
// survivors the same order, and no word can make it slow. A nonspacing mark of class 0 still ends a
// run.
std::vector<char32_t> strip_accents(const std::vector<char32_t>& word) {
  std::vector<char32_t> kept;
  kept.reserve(word.size());
  std::size_t run_start = 0;
  const auto end_run = [&kept, &run_start] {
    const auto by_class = [](char32_t left, char32_t right) {
      return combining_class(left) < combining_class(right);
    };
    if (kept.size() - run_start > 1) {
      std::stable_sort(kept.begin() + static_cast<std::ptrdiff_t>(run_start), kept.end(), by_class);
    }
  };
  std::array<char32_t, kMaxDecomposition> parts{};
  for (const char32_t code_point : word) {
    const std::size_t count = decompose(code_point, parts);
    for (std::size_t i = 0; i < count; ++i) {
      const bool starter = combining_class(parts[i]) == 0;
      if (starter) {
        end_run();
      }
      if (!is_nonspacing_mark(parts[i])) {
        kept.push_back(parts[i]);
      }
      if (starter) {
        run_start = kept.size();
      }
    }
  }
  end_run();
  return kept;
}

// Chunks between ASCII blanks are independent of each other, so plain English never meets the slow
// path.
void Normalizer::split(std::string_view text, WordSink& sink) const {
  std::size_t offset = 0;
  while (offset < text.size()) {
    while (offset < text.size() && is_ascii_space(text[offset])) {
      ++offset;
    }
    const std::size_t start = offset;
    bool ascii = true;
    while (offset < text.size() && !is_ascii_space(text[offset])) {
      ascii = ascii && is_ascii(text[offset]);
      ++offset;
    }
    if (ascii) {
      split_ascii(text.substr(start, offset - start), sink);
    } else {
      split_unicode(text.substr(start, offset - start), sink);
    }
  }
}

void Normalizer::split_ascii(std::string_view chunk, WordSink& sink) const {
  const AsciiTable& table = ascii_table();
  std::array<char, kMaxWordCharacters> word{};
  std::size_t length = 0;
  const auto flush = [&word, &length, &sink] {
    if (length > word.size()) {
      sink.take_overlong_word();
    } else if (length > 0) {
      sink.take_word({word.data(), length});
    }
    length = 0;
  };
  for (const char byte : chunk) {
    const auto index = static_cast<unsigned char>(byte);
    const CharacterKind kind = table.kind[index];
    if (kind == CharacterKind::ordinary) {
      if (length < word.size()) {
        word[length] = cased_ ? byte : table.lower[index];
      }
      ++length;
    } else if (kind == CharacterKind::punctuation) {
      flush();
      sink.take_word({&byte, 1});
    }
  }
  flush();
}

void Normalizer::split_unicode(std::string_view chunk, WordSink& sink) const {
  std::vector<char32_t> word;
  std::size_t offset = 0;
  while (offset < chunk.size()) {
    const Utf8Sequence sequence = decode_utf8(chunk, offset);
    offset += sequence.byte_count;
    if (!sequence.valid) {
      continue;
    }
    const CharacterKind kind = kind_of(sequence.code_point);
    if (kind == CharacterKind::whitespace) {
      finish_word(word, sink);
    } else if (kind == CharacterKind::ideograph) {
      finish_word(word, sink);
      word.push_back(sequence.code_point);
      finish_word(word, sink);
    } else if (kind != CharacterKind::dropped) {
      word.push_back(sequence.code_point);
    }
  }
  finish_word(word, sink);
}

void Normalizer::finish_word(std::vector<char32_t>& word, WordSink& sink) const {
  if (!word.empty()) {
    if (cased_) {
      split_at_punctuation(word, sink);
    } else {
      split_at_punctuation(strip_accents(lower_case_word(word)), sink);
    }
  }
  word.clear();
}

}  // namespace lambert
