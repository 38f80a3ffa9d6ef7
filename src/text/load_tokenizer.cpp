// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer.h"
#include "text/wordpiece.h"

namespace lambert {

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& path, bool cased) {
  return std::make_unique<WordPieceTokenizer>(path, cased);
}

}  // namespace lambert
