// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "text/tokenizer.h"

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace lambert {

/// A sentencepiece model (unigram or BPE), encoded by the library itself after its file passed
/// check_sentencepiece_model and a trial load in a child process.
class SentencePieceTokenizer : public Tokenizer {
 public:
  /// Throws DataError for anything but a sound model.
  explicit SentencePieceTokenizer(const std::filesystem::path& model_file);
  ~SentencePieceTokenizer() override;

  void encode(std::string_view text, std::vector<std::int32_t>& ids) const override;
  std::int64_t vocab_size() const override { return static_cast<std::int64_t>(pieces_.size()); }
  /// By piece name: [CLS], [SEP], [MASK], and <pad> or [PAD]. Throws DataError naming those that
  /// are missing; such a model can tokenise but not pretrain.
  SpecialTokens special_tokens() const override;
  std::string token(std::int32_t id) const override {
    return pieces_.at(static_cast<std::size_t>(id));
  }
  /// Whether the model's own normaliser keeps case: its name does not end in _cf.
  bool cased() const override { return cased_; }
  std::string type() const override { return "sentencepiece"; }
  std::filesystem::path file() const override { return file_; }

 private:
  std::filesystem::path file_;
  std::vector<std::string> pieces_;
  SpecialTokens special_tokens_;
  std::string missing_;
  bool cased_ = true;
  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
};

}  // namespace lambert
