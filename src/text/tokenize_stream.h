// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "text/tokenizer.h"

namespace lambert {

/// Longest line that tokenize_stream holds in memory.
constexpr std::size_t kMaxStreamLineBytes = 64U << 20U;

/// Lines of the file descriptor input (ended by LF alone) to lines of ids on output, one space
/// between ids. What is ready is written before every wait for input, so that an interactive peer
/// sees its answer at once. Throws DataError for a line above kMaxStreamLineBytes, StorageError
/// when output cannot be written.
void tokenize_stream(const Tokenizer& tokenizer, int input, int output);

}  // namespace lambert
