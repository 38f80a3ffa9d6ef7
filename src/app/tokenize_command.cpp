// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "app/commands.h"
#include "text/tokenize_stream.h"
#include "text/tokenizer.h"

namespace lambert {

int run_tokenize(const TokenizeOptions& options) {
  const auto tokenizer = load_tokenizer(options.tokenizer, options.cased);
  tokenize_stream(*tokenizer, STDIN_FILENO, STDOUT_FILENO);
  return 0;
}

}  // namespace lambert
