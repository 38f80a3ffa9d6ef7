// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>
#include <vector>

namespace lambert {

/// English sentences: ICU's filtered break iterator (Unicode annex 29 without the breaks after the
/// abbreviations of ICU's English data), then our own short list and initials, compared as whole
/// words. Thread: one object per thread.
class SentenceSplitter {
 public:
  SentenceSplitter();
  ~SentenceSplitter();
  SentenceSplitter(const SentenceSplitter&) = delete;
  SentenceSplitter& operator=(const SentenceSplitter&) = delete;

  /// Sentences of one line of valid UTF-8, in order, without the blanks around them; none is empty.
  /// They are parts of `line` and live as long as it.
  std::vector<std::string_view> split(std::string_view line);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lambert
