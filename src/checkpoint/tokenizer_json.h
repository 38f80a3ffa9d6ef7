// SPDX-License-Identifier: Apache-2.0
// The tokenizer files of the Hugging Face export.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/sentencepiece_model.h"

namespace lambert {

struct TokenizerExport {
  std::string vocabulary_file;  // "vocab.txt" or "spiece.model"
  std::string vocabulary;       // its content
  std::string tokenizer_json;
  std::string tokenizer_config_json;
  std::int64_t pad_token_id = 0;
  bool is_wordpiece = true;
};

/// vocabulary: one token a line. Throws DataError with the reason alone when a special token is
/// missing.
TokenizerExport export_wordpiece(std::string vocabulary, bool cased, std::int64_t max_length);

/// model: content of the .model file. Throws DataError with the reason alone.
TokenizerExport export_sentencepiece(std::string model, std::int64_t max_length);

}  // namespace lambert
