// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/example.h"

namespace lambert {

/// Text in, ids out. Thread-safe: one object serves all workers.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  /// Ids of the text without [CLS] and [SEP], appended to ids. Invalid UTF-8 is dropped sequence by
  /// sequence, as Python's "ignore" does. Special tokens written in the text are ordinary text.
  virtual void encode(std::string_view text, std::vector<std::int32_t>& ids) const = 0;
  virtual std::int64_t vocab_size() const = 0;
  virtual SpecialTokens special_tokens() const = 0;
  virtual std::string token(std::int32_t id) const = 0;
  virtual bool cased() const = 0;
  /// "wordpiece" or "sentencepiece".
  virtual std::string type() const = 0;
  /// The vocab.txt or .model file it was made from.
  virtual std::filesystem::path file() const = 0;
};

/// path: a vocab.txt, a sentencepiece .model, or a folder that holds one of them (also a folder of
/// `prepare`). cased applies to WordPiece; a sentencepiece model carries its own normaliser. Throws
/// DataError.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& path, bool cased);

/// Casing that tokenizer_config.json of the folder records (`vocab train` and Hugging Face write
/// it); nothing without one. Throws DataError.
std::optional<bool> recorded_casing(const std::filesystem::path& folder);

}  // namespace lambert
