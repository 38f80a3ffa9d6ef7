// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/example.h"
#include "text/piece_trie.h"

namespace lambert {

constexpr std::string_view kPadToken = "[PAD]";
constexpr std::string_view kUnknownToken = "[UNK]";
constexpr std::string_view kClsToken = "[CLS]";
constexpr std::string_view kSepToken = "[SEP]";
constexpr std::string_view kMaskToken = "[MASK]";
constexpr std::string_view kContinuation = "##";

/// Twice the largest published WordPiece vocabulary (LaBSE, 501,153).
constexpr std::size_t kMaxVocabularySize = 1'000'000;
constexpr std::size_t kMaxTokenCharacters = 100;

/// A WordPiece vocabulary: the line number, from 0, is the id. Immutable.
class Vocabulary {
 public:
  /// source names the file in messages. Throws DataError with the line of the first fault.
  Vocabulary(std::vector<std::string> tokens, const std::string& source);

  std::int64_t size() const { return static_cast<std::int64_t>(tokens_.size()); }
  const std::string& token(std::int32_t id) const {
    return tokens_.at(static_cast<std::size_t>(id));
  }
  std::optional<std::int32_t> find(std::string_view token) const { return trie_.find(token); }
  const SpecialTokens& special_tokens() const { return special_tokens_; }
  const PieceTrie& trie() const { return trie_; }

 private:
  std::vector<std::string> tokens_;
  PieceTrie trie_;
  SpecialTokens special_tokens_;
};

/// A vocab.txt, one token a line, LF line ends. Nothing is repaired: a byte order mark, CRLF, an
/// empty line, blanks round a token, a duplicate or a missing special token throws DataError,
/// because each would shift or change ids.
Vocabulary read_vocabulary(const std::filesystem::path& path);

}  // namespace lambert
