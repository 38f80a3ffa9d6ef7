// SPDX-License-Identifier: Apache-2.0
#include "text/wordpiece_trainer.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <unordered_map>

#include "text/utf8.h"
#include "text/vocabulary.h"

namespace lambert {
namespace {

using Symbol = std::uint32_t;
using Pair = std::uint64_t;  // left symbol in the high half: comparing pairs compares left first

Pair make_pair_key(Symbol left, Symbol right) {
  return (static_cast<Pair>(left) << 32U) | right;
}

std::vector<std::string> split_characters(const std::string& word) {
  std::vector<std::string> characters;
  for (std::size_t offset = 0; offset < word.size();) {
    const std::size_t length = decode_utf8(word, offset).byte_count;
    characters.push_back(word.substr(offset, length));
    offset += length;
  }
  return characters;
}

/// The most frequent characters; ties go to the smaller code point.
std::set<std::string> choose_alphabet(const std::vector<CountedWord>& words, std::size_t limit) {
  std::map<std::string, std::int64_t> counts;
  for (const CountedWord& word : words) {
    for (const std::string& character : split_characters(word.word)) {
      counts[character] += word.count;
    }
  }
  std::vector<std::pair<std::string, std::int64_t>> ranked(counts.begin(), counts.end());
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& left, const auto& right) { return left.second > right.second; });
  ranked.resize(std::min(ranked.size(), limit));
  std::set<std::string> alphabet;
  for (const auto& entry : ranked) {
    alphabet.insert(entry.first);
  }
  return alphabet;
}

/// The story: every word is a row of symbols in one flat array, which merging only shortens. For
/// each pair of neighbouring symbols there is its count over all words and a list of the words that
/// hold it. A queue yields the most frequent pair; its entries may be out of date and are corrected
/// when they come up. Merging a pair touches the words of its list alone, so the whole training
/// costs about as much as the characters it joins.
class Merger {
 public:
  Merger(const std::vector<CountedWord>& words, const WordPieceTrainingOptions& options)
      : size_(static_cast<std::size_t>(options.size)), min_frequency_(options.min_frequency) {
    for (const std::string_view special :
         {kPadToken, kUnknownToken, kClsToken, kSepToken, kMaskToken}) {
      symbol_of(std::string(special));
    }
    const auto limit = static_cast<std::size_t>(std::min(options.max_alphabet, options.size / 4));
    add_words(words, choose_alphabet(words, limit));
  }

  std::vector<std::string> run() {
    count_pairs();
    while (tokens_.size() < size_ && !queue_.empty()) {
      const Candidate candidate = queue_.top();
      queue_.pop();
      const auto found = pairs_.find(candidate.pair);
      if (found == pairs_.end()) {
        continue;
      }
      if (found->second.count == candidate.count) {
        merge(candidate.pair);
      } else if (found->second.count == 0) {
        pairs_.erase(found);
      } else {
        offer(candidate.pair, found->second.count);
      }
    }
    return std::move(tokens_);
  }

 private:
  struct Word {
    std::size_t start = 0;
    std::uint32_t length = 0;
    std::int64_t count = 0;
  };
  struct PairState {
    std::int64_t count = 0;
    std::vector<std::uint32_t> words;  // may repeat a word and may name one that lost the pair
  };
  struct Candidate {
    std::int64_t count = 0;
    Pair pair = 0;
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };

  Symbol symbol_of(const std::string& token) {
    const auto [entry, is_new] =
        symbols_by_token_.emplace(token, static_cast<Symbol>(tokens_.size()));
    if (is_new) {
      tokens_.push_back(token);
    }
    return entry->second;
  }

  void add_words(const std::vector<CountedWord>& words, const std::set<std::string>& alphabet) {
    std::set<std::string> continuations;
    for (const CountedWord& word : words) {
      const std::vector<std::string> characters = split_characters(word.word);
      if (std::all_of(characters.begin(), characters.end(),
                      [&alphabet](const std::string& c) { return alphabet.contains(c); })) {
        continuations.insert(characters.begin() + 1, characters.end());
      }
    }
    for (const std::string& character : alphabet) {
      symbol_of(character);
    }
    for (const std::string& character : continuations) {
      symbol_of(std::string(kContinuation) + character);
    }
    for (const CountedWord& word : words) {
      add_word(word, alphabet);
    }
  }

  void add_word(const CountedWord& word, const std::set<std::string>& alphabet) {
    const std::size_t start = symbols_.size();
    for (const std::string& character : split_characters(word.word)) {
      if (!alphabet.contains(character)) {
        symbols_.resize(start);
        return;
      }
      const bool first = symbols_.size() == start;
      symbols_.push_back(symbol_of(first ? character : std::string(kContinuation) + character));
    }
    words_.push_back({start, static_cast<std::uint32_t>(symbols_.size() - start), word.count});
  }

  void count_pairs() {
    for (std::uint32_t i = 0; i < words_.size(); ++i) {
      const Symbol* const row = symbols_.data() + words_[i].start;
      for (std::uint32_t k = 0; k + 1 < words_[i].length; ++k) {
        PairState& state = pairs_[make_pair_key(row[k], row[k + 1])];
        state.count += words_[i].count;
        if (state.words.empty() || state.words.back() != i) {
          state.words.push_back(i);
        }
      }
    }
    for (const auto& [pair, state] : pairs_) {
      offer(pair, state.count);
    }
  }

  void merge(Pair pair) {
    const auto left = static_cast<Symbol>(pair >> 32U);
    const auto right = static_cast<Symbol>(pair & 0xFFFFFFFFU);
    const std::string token = tokens_[left] + tokens_[right].substr(kContinuation.size());
    const std::vector<std::uint32_t> holders = std::move(pairs_[pair].words);
    if (count_code_points(token) > kMaxTokenCharacters) {
      pairs_.erase(pair);  // a vocabulary with such a token would not load
      return;
    }
    const Symbol joined = symbol_of(token);
    std::set<Pair> changed;
    for (const std::uint32_t index : holders) {
      merge_in_word(index, left, right, joined, changed);
    }
    pairs_.erase(pair);
    for (const Pair fresh : changed) {
      offer(fresh, pairs_[fresh].count);
    }
  }

  /// A pair that is too rare now is offered again if it ever grows.
  void offer(Pair pair, std::int64_t count) {
    if (count >= min_frequency_) {
      queue_.push({count, pair});
    }
  }

  void merge_in_word(std::uint32_t index, Symbol left, Symbol right, Symbol joined,
                     std::set<Pair>& changed) {
    Word& word = words_[index];
    Symbol* const row = symbols_.data() + word.start;
    add_to_counts(row, word.length, -word.count);
    std::uint32_t kept = 0;
    for (std::uint32_t k = 0; k < word.length; ++kept) {
      const bool joins = k + 1 < word.length && row[k] == left && row[k + 1] == right;
      row[kept] = joins ? joined : row[k];
      k += joins ? 2 : 1;
    }
    word.length = kept;
    add_to_counts(row, word.length, word.count);
    for (std::uint32_t k = 0; k + 1 < word.length; ++k) {
      if (row[k] == joined || row[k + 1] == joined) {
        const Pair fresh = make_pair_key(row[k], row[k + 1]);
        std::vector<std::uint32_t>& holders = pairs_[fresh].words;
        if (holders.empty() || holders.back() != index) {
          holders.push_back(index);
        }
        changed.insert(fresh);
      }
    }
  }

  void add_to_counts(const Symbol* row, std::uint32_t length, std::int64_t count) {
    for (std::uint32_t k = 0; k + 1 < length; ++k) {
      pairs_[make_pair_key(row[k], row[k + 1])].count += count;
    }
  }

  std::size_t size_;
  std::int64_t min_frequency_;
  std::vector<std::string> tokens_;  // by symbol
  std::unordered_map<std::string, Symbol> symbols_by_token_;
  std::vector<Symbol> symbols_;
  std::vector<Word> words_;
  std::unordered_map<Pair, PairState> pairs_;
  std::priority_queue<Candidate> queue_;
};

}  // namespace

std::vector<std::string> train_wordpiece(const std::vector<CountedWord>& words,
                                         const WordPieceTrainingOptions& options) {
  return Merger(words, options).run();
}

}  // namespace lambert
