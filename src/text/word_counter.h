// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/normalizer.h"

namespace lambert {

struct CountedWord {
  std::string word;
  std::int64_t count = 0;
};

/// Counts normalised words in bounded memory: when more than limit different words are held, the
/// rarest are forgotten (those counted once, next time those counted up to twice, and so on), as
/// word2vec does. Frequent words, which alone decide a vocabulary, lose nothing that matters.
class WordCounter : public WordSink {
 public:
  /// About 200 MB when full.
  static constexpr std::size_t kDefaultLimit = 2'000'000;

  explicit WordCounter(bool cased, std::size_t limit = kDefaultLimit)
      : normalizer_(cased), limit_(limit) {}

  void add_text(std::string_view text) { normalizer_.split(text, *this); }
  void take_word(std::string_view word) override;
  /// Not counted: such a word is [UNK] whatever the vocabulary.
  void take_overlong_word() override {}

  /// Words counted up to this often may be missing; 0: none is.
  std::int64_t forgotten_count() const { return forgotten_count_; }
  /// In byte order. Leaves the counter empty.
  std::vector<CountedWord> take_sorted();

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  Normalizer normalizer_;
  std::size_t limit_;
  std::int64_t forgotten_count_ = 0;
  std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>> counts_;
};

}  // namespace lambert
