// SPDX-License-Identifier: Apache-2.0
// The words that BERT's WordPiece sees. The original's order of steps (google-research/bert,
// tokenization.py): drop control characters, spaces round ideographs, split at whitespace, then,
// uncased only, lower-case each word, decompose it canonically and drop its accents; at last split
// at punctuation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lambert {

/// A word of more characters than this is unknown as a whole.
constexpr std::size_t kMaxWordCharacters = 200;

/// Takes the words one by one; the bytes live until the call returns.
class WordSink {
 public:
  virtual ~WordSink() = default;
  virtual void take_word(std::string_view word) = 0;
  /// A word above kMaxWordCharacters, whose bytes are not kept.
  virtual void take_overlong_word() = 0;
};

/// Stateless and thread-safe. Linear time whatever the text.
class Normalizer {
 public:
  explicit Normalizer(bool cased) : cased_(cased) {}
  bool cased() const { return cased_; }

  /// Splits text (bad UTF-8 is dropped) into normalised words.
  void split(std::string_view text, WordSink& sink) const;

 private:
  void split_ascii(std::string_view chunk, WordSink& sink) const;
  void split_unicode(std::string_view chunk, WordSink& sink) const;
  void finish_word(std::vector<char32_t>& word, WordSink& sink) const;

  bool cased_;
};

/// Full lower-casing of one word: final sigma by its neighbours, U+0130 to two characters.
std::vector<char32_t> lower_case_word(const std::vector<char32_t>& word);

/// Canonical decomposition in canonical order, without nonspacing marks.
std::vector<char32_t> strip_accents(const std::vector<char32_t>& word);

}  // namespace lambert
