// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>
#include <vector>

namespace lambert {

/// English sentences by ICU's sentence boundaries (Unicode annex 29) without the breaks after
/// abbreviations that ICU's locale data and our own short list name. Thread: one object per thread.
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
