// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece_check.h"

#include <cmath>
#include <unordered_map>

#include <protozero/pbf_reader.hpp>

#include "base/error.h"
#include "text/utf8.h"

namespace lambert {
namespace {

// Field numbers and values of sentencepiece_model.proto.
enum class ModelField : protozero::pbf_tag_type {
  pieces = 1,
  trainer_spec = 2,
  normalizer_spec = 3,
  denormalizer_spec = 5
};
enum class PieceField : protozero::pbf_tag_type { piece = 1, score = 2, type = 3 };
constexpr protozero::pbf_tag_type kModelTypeField = 3;
constexpr protozero::pbf_tag_type kNormalizerNameField = 1;
constexpr protozero::pbf_tag_type kCharsmapField = 2;
constexpr std::int32_t kUnknownPieceType = 2;
constexpr std::int32_t kLastPieceType = 6;  // normal, unknown, control, user-defined, unused, byte
constexpr std::int32_t kLastModelType = 4;  // unigram, bpe, word, char

class ModelCheck {
 public:
  ModelCheck(std::string_view model, const std::string& source) : model_(model), source_(source) {}

  SentencePieceModelInfo run() {
    if (model_.empty()) {
      fail("the file is empty");
    }
    protozero::pbf_reader reader(model_.data(), model_.size());
    try {
      read_model(reader);
    } catch (const protozero::exception& error) {
      fail("bytes that are no sentencepiece model from byte " + std::to_string(offset_of(reader)) +
           " on (" + error.what() + ")");
    }
    if (info_.pieces.empty()) {
      fail("no pieces in the file");
    }
    if (info_.unknown_id < 0) {
      fail("no piece of type unknown among " + std::to_string(info_.pieces.size()));
    }
    return std::move(info_);
  }

 private:
  [[noreturn]] void fail(const std::string& fault) const {
    throw DataError("checking sentencepiece model " + source_ + ": " + fault +
                    "; take the original file or train the model again");
  }

  [[noreturn]] void fail_piece(const std::string& fault) const {
    fail("piece " + std::to_string(info_.pieces.size()) + ": " + fault);
  }

  std::size_t offset_of(const protozero::pbf_reader& reader) const {
    return static_cast<std::size_t>(reader.data().data() - model_.data());
  }

  void require(const protozero::pbf_reader& reader, protozero::pbf_wire_type expected) const {
    if (reader.wire_type() != expected) {
      fail("field " + std::to_string(reader.tag()) + " before byte " +
           std::to_string(offset_of(reader)) + " has the wrong wire type");
    }
  }

  std::string_view bytes_of(protozero::pbf_reader& reader) const {
    require(reader, protozero::pbf_wire_type::length_delimited);
    const protozero::data_view view = reader.get_view();
    return {view.data(), view.size()};
  }

  protozero::pbf_reader message_of(protozero::pbf_reader& reader) const {
    const std::string_view bytes = bytes_of(reader);
    return {bytes.data(), bytes.size()};
  }

  std::int32_t enum_of(protozero::pbf_reader& reader) const {
    require(reader, protozero::pbf_wire_type::varint);
    return reader.get_enum();
  }

  void read_model(protozero::pbf_reader& reader) {
    while (reader.next()) {
      switch (static_cast<ModelField>(reader.tag())) {
        case ModelField::pieces:
          read_piece(message_of(reader));
          break;
        case ModelField::trainer_spec:
          read_trainer_spec(message_of(reader));
          break;
        case ModelField::normalizer_spec:
          info_.normalizer = read_normalizer_spec(message_of(reader));
          break;
        case ModelField::denormalizer_spec:
          read_normalizer_spec(message_of(reader));
          break;
        default:
          reader.skip();
      }
    }
  }

  void read_piece(protozero::pbf_reader reader) {
    std::string_view piece;
    std::int32_t type = 1;
    while (reader.next()) {
      switch (static_cast<PieceField>(reader.tag())) {
        case PieceField::piece:
          piece = bytes_of(reader);
          break;
        case PieceField::score:
          require(reader, protozero::pbf_wire_type::fixed32);
          if (!std::isfinite(reader.get_float())) {
            fail_piece("its score is not finite");
          }
          break;
        case PieceField::type:
          type = enum_of(reader);
          break;
        default:
          reader.skip();
      }
    }
    check_piece(piece, type);
    info_.pieces.emplace_back(piece);
  }

  void check_piece(std::string_view piece, std::int32_t type) {
    if (info_.pieces.size() == kMaxPieces) {
      fail_piece("more than " + std::to_string(kMaxPieces) + " pieces");
    }
    if (piece.empty() || piece.size() > kMaxPieceBytes) {
      fail_piece(std::to_string(piece.size()) + " bytes long, 1 to " +
                 std::to_string(kMaxPieceBytes) + " are allowed");
    }
    if (find_invalid_utf8(piece) || piece.find('\0') != std::string_view::npos) {
      fail_piece("no valid UTF-8 without NUL (" + hex_bytes(piece) + ")");
    }
    if (type < 1 || type > kLastPieceType) {
      fail_piece("type " + std::to_string(type) + " is unknown");
    }
    const auto id = static_cast<std::int32_t>(info_.pieces.size());
    const auto [earlier, is_new] = ids_.emplace(piece, id);
    if (!is_new) {
      fail_piece("the same as piece " + std::to_string(earlier->second));
    }
    if (type == kUnknownPieceType) {
      if (info_.unknown_id >= 0) {
        fail_piece("a second piece of type unknown, after piece " +
                   std::to_string(info_.unknown_id));
      }
      info_.unknown_id = id;
    }
  }

  void read_trainer_spec(protozero::pbf_reader reader) {
    while (reader.next()) {
      if (reader.tag() != kModelTypeField) {
        reader.skip();
        continue;
      }
      const std::int32_t type = enum_of(reader);
      if (type < 1 || type > kLastModelType) {
        fail("model type " + std::to_string(type) + " is unknown");
      }
    }
  }

  std::string read_normalizer_spec(protozero::pbf_reader reader) {
    std::string name;
    while (reader.next()) {
      if (reader.tag() == kNormalizerNameField) {
        name = bytes_of(reader);
      } else if (reader.tag() == kCharsmapField) {
        const std::string_view charsmap = bytes_of(reader);
        const std::string fault = find_charsmap_fault(charsmap);
        if (!fault.empty()) {
          fail("character map at byte " + std::to_string(charsmap.data() - model_.data()) + ": " +
               fault);
        }
      } else {
        reader.skip();
      }
    }
    return name;
  }

  std::string_view model_;
  const std::string& source_;
  SentencePieceModelInfo info_;
  std::unordered_map<std::string_view, std::int32_t> ids_;
};

}  // namespace

SentencePieceModelInfo check_sentencepiece_model(std::string_view model,
                                                 const std::string& source) {
  if (model.size() > kMaxModelBytes) {
    throw DataError("checking sentencepiece model " + source + ": " + std::to_string(model.size()) +
                    " bytes, at most 64 MiB are allowed; is this a model file?");
  }
  return ModelCheck(model, source).run();
}

}  // namespace lambert
