// SPDX-License-Identifier: Apache-2.0
// What every fuzz target defines, and what it says when a property is broken. fuzz_entry.cpp hands
// it inputs from libFuzzer, replay_corpus.cpp those of the corpus.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/error.h"

namespace lambert {

/// Reads the input as the product would. True when it is accepted, false for a DataError; another
/// exception or a broken property is a finding.
bool accepts(std::string_view input);

/// Ends the process: fuzzers and CTest take an abort for a finding.
inline void require(bool holds, const char* property) {
  if (!holds) {
    std::fprintf(stderr, "broken property: %s\n", property);
    std::abort();
  }
}

/// A message is for people: it quotes the input, but not all of it.
inline void require_short_message(const DataError& error) {
  constexpr std::size_t kLongestMessage = 2000;
  require(std::string_view(error.what()).size() <= kLongestMessage, "a message is short");
}

}  // namespace lambert
