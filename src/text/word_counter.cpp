// SPDX-License-Identifier: Apache-2.0
#include "text/word_counter.h"

#include <algorithm>

namespace lambert {

void WordCounter::take_word(std::string_view word) {
  const auto found = counts_.find(word);
  if (found != counts_.end()) {
    ++found->second;
    return;
  }
  counts_.emplace(word, 1);
  while (counts_.size() > limit_) {
    ++forgotten_count_;
    std::erase_if(counts_, [this](const auto& entry) { return entry.second <= forgotten_count_; });
  }
}

std::vector<CountedWord> WordCounter::take_sorted() {
  std::vector<CountedWord> words;
  words.reserve(counts_.size());
  while (!counts_.empty()) {
    auto node = counts_.extract(counts_.begin());
    words.push_back({std::move(node.key()), node.mapped()});
  }
  std::sort(words.begin(), words.end(), [](const CountedWord& left, const CountedWord& right) {
    return left.word < right.word;
  });
  return words;
}

}  // namespace lambert
