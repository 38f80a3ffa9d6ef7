// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "text/normalizer.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace lambert {

/// BERT's WordPiece, id for id what google-research/bert gives: longest match first, [UNK] for a
/// word that cannot be spelled out. Texts like "[MASK]" are ordinary text.
class WordPieceTokenizer : public Tokenizer {
 public:
  /// Throws DataError for a faulty vocabulary.
  WordPieceTokenizer(const std::filesystem::path& vocabulary_file, bool cased);

  void encode(std::string_view text, std::vector<std::int32_t>& ids) const override;
  std::int64_t vocab_size() const override { return vocabulary_.size(); }
  SpecialTokens special_tokens() const override { return vocabulary_.special_tokens(); }
  std::string token(std::int32_t id) const override { return vocabulary_.token(id); }
  bool cased() const override { return normalizer_.cased(); }
  std::string type() const override { return "wordpiece"; }
  std::filesystem::path file() const override { return file_; }

 private:
  std::filesystem::path file_;
  Vocabulary vocabulary_;
  Normalizer normalizer_;
  PieceTrie::Node continuation_;
};

}  // namespace lambert
