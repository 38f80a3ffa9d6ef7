// SPDX-License-Identifier: Apache-2.0
// What a tokenizer.json needs from a sentencepiece .model file (a protobuf message; field numbers
// of sentencepiece_model.proto).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lambert {

enum class PieceKind : std::int32_t {
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6,
};

struct SentencePiece {
  std::string text;
  float score = 0.0F;
  PieceKind kind = PieceKind::normal;
};

struct SentencePieceModel {
  std::vector<SentencePiece> pieces;
  bool is_bpe = false;  // otherwise unigram
  bool byte_fallback = false;
  std::string character_map;  // compiled normaliser, empty for none
  bool adds_dummy_prefix = true;
  bool removes_extra_whitespace = true;

  /// Index of the piece with this text, -1 when there is none.
  std::int64_t find(std::string_view text) const;
};

/// Throws DataError with the reason alone: not a model, or of a kind other than unigram and BPE.
SentencePieceModel parse_sentencepiece_model(std::string_view content);

}  // namespace lambert
