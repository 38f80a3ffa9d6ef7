// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece_tokenizer.h"

#include <algorithm>

#include <sentencepiece_processor.h>

#include "base/error.h"
#include "base/file_system.h"
#include "text/child_process.h"
#include "text/sentencepiece_check.h"
#include "text/utf8.h"

namespace lambert {
namespace {

void load(sentencepiece::SentencePieceProcessor& processor, const std::string& model,
          const std::string& source) {
  const sentencepiece::util::Status status = processor.LoadFromSerializedProto(model);
  if (!status.ok()) {
    throw DataError("loading sentencepiece model " + source + ": " + status.ToString() +
                    "; take the original file or train the model again");
  }
}

void try_load(const std::string& model, const std::string& source) {
  run_in_child_process(
      [&model, &source] {
        sentencepiece::SentencePieceProcessor processor;
        load(processor, model, source);
        std::vector<int> ids;
        const auto status = processor.Encode("A trial, with \xC3\xA9 and \xE4\xB8\x80.", &ids);
        if (!status.ok()) {
          throw DataError("trying sentencepiece model " + source + ": " + status.ToString() +
                          "; take the original file or train the model again");
        }
        return std::string();
      },
      "loading sentencepiece model " + source);
}

}  // namespace

SentencePieceTokenizer::SentencePieceTokenizer(const std::filesystem::path& model_file)
    : file_(model_file) {
  const std::string model = read_file(model_file, kMaxModelBytes);
  SentencePieceModelInfo info = check_sentencepiece_model(model, model_file.string());
  try_load(model, model_file.string());
  processor_ = std::make_unique<sentencepiece::SentencePieceProcessor>();
  load(*processor_, model, model_file.string());

  pieces_ = std::move(info.pieces);
  cased_ = !info.normalizer.ends_with("_cf");
  const auto find_piece = [this](std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
      const auto found = std::find(pieces_.begin(), pieces_.end(), name);
      if (found != pieces_.end()) {
        return static_cast<std::int32_t>(found - pieces_.begin());
      }
    }
    missing_ += (missing_.empty() ? "" : ", ") + std::string(*names.begin());
    return std::int32_t{-1};
  };
  special_tokens_ = {.pad = find_piece({"<pad>", "[PAD]"}),
                     .unknown = info.unknown_id,
                     .cls = find_piece({"[CLS]"}),
                     .sep = find_piece({"[SEP]"}),
                     .mask = find_piece({"[MASK]"})};
}

SentencePieceTokenizer::~SentencePieceTokenizer() = default;

SpecialTokens SentencePieceTokenizer::special_tokens() const {
  if (!missing_.empty()) {
    throw DataError("taking special tokens from sentencepiece model " + file_.string() +
                    ": it has no piece " + missing_ +
                    "; train a model with lambert vocab train, which adds them");
  }
  return special_tokens_;
}

void SentencePieceTokenizer::encode(std::string_view text, std::vector<std::int32_t>& ids) const {
  std::string repaired;
  if (find_invalid_utf8(text)) {
    repaired = drop_invalid_utf8(text);
    text = repaired;
  }
  std::vector<int> encoded;
  const auto status = processor_->Encode({text.data(), text.size()}, &encoded);
  if (!status.ok()) {
    throw DataError("encoding with sentencepiece model " + file_.string() + ": " +
                    status.ToString() + "; the model does not fit this library");
  }
  ids.insert(ids.end(), encoded.begin(), encoded.end());
}

}  // namespace lambert
