// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/sentencepiece_model.h"

#include <algorithm>

#include <protozero/pbf_reader.hpp>

#include "base/error.h"

namespace lambert {
namespace {

constexpr std::int32_t kUnigram = 1;
constexpr std::int32_t kBpe = 2;

SentencePiece parse_piece(protozero::pbf_reader message) {
  SentencePiece piece;
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        piece.text = message.get_string();
        break;
      case 2:
        piece.score = message.get_float();
        break;
      case 3:
        piece.kind = static_cast<PieceKind>(message.get_enum());
        break;
      default:
        message.skip();
    }
  }
  return piece;
}

void parse_trainer(protozero::pbf_reader message, SentencePieceModel& model) {
  std::int32_t type = kUnigram;
  while (message.next()) {
    switch (message.tag()) {
      case 3:
        type = message.get_enum();
        break;
      case 35:
        model.byte_fallback = message.get_bool();
        break;
      default:
        message.skip();
    }
  }
  if (type != kUnigram && type != kBpe) {
    throw DataError("the sentencepiece model is neither unigram nor BPE");
  }
  model.is_bpe = type == kBpe;
}

void parse_normalizer(protozero::pbf_reader message, SentencePieceModel& model) {
  while (message.next()) {
    switch (message.tag()) {
      case 2:
        model.character_map = message.get_bytes();
        break;
      case 3:
        model.adds_dummy_prefix = message.get_bool();
        break;
      case 4:
        model.removes_extra_whitespace = message.get_bool();
        break;
      default:
        message.skip();
    }
  }
}

SentencePieceModel parse(std::string_view content) {
  SentencePieceModel model;
  protozero::pbf_reader message(content.data(), content.size());
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        model.pieces.push_back(parse_piece(message.get_message()));
        break;
      case 2:
        parse_trainer(message.get_message(), model);
        break;
      case 3:
        parse_normalizer(message.get_message(), model);
        break;
      default:
        message.skip();
    }
  }
  return model;
}

}  // namespace

std::int64_t SentencePieceModel::find(std::string_view text) const {
  const auto found = std::find_if(pieces.begin(), pieces.end(),
                                  [&](const SentencePiece& piece) { return piece.text == text; });
  return found == pieces.end() ? -1 : found - pieces.begin();
}

SentencePieceModel parse_sentencepiece_model(std::string_view content) {
  try {
    SentencePieceModel model = parse(content);
    if (model.pieces.empty()) {
      throw DataError("the sentencepiece model has no pieces");
    }
    return model;
  } catch (const protozero::exception& error) {
    throw DataError("not a sentencepiece model (" + std::string(error.what()) + ")");
  }
}

}  // namespace lambert
