// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece_trainer.h"

#include <unordered_map>

#include <sentencepiece_trainer.h>

#include "base/error.h"
#include "base/hash.h"
#include "text/utf8.h"

namespace lambert {
namespace {

/// Bytes of text up to limit that end at a space if there is one, else between characters.
std::size_t piece_length(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) {
    return text.size();
  }
  const std::size_t space = text.rfind(' ', limit);
  if (space != std::string_view::npos && space > 0) {
    return space;
  }
  std::size_t length = limit;
  while (length > 1 && (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U) {
    --length;
  }
  return length;
}

class SampleIterator : public sentencepiece::SentenceIterator {
 public:
  explicit SampleIterator(const std::vector<std::string>& lines) : lines_(lines) {}
  bool done() const override { return index_ >= lines_.size(); }
  void Next() override { ++index_; }
  const std::string& value() const override { return lines_[index_]; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  const std::vector<std::string>& lines_;
  std::size_t index_ = 0;
};

}  // namespace

void LineSample::add_line(std::string_view line) {
  while (!line.empty()) {
    const std::size_t length = piece_length(line, kPieceBytes);
    add_piece(line.substr(0, length));
    line.remove_prefix(length);
  }
}

void LineSample::add_piece(std::string_view piece) {
  const std::uint64_t number = seen_++;
  const std::uint64_t hash = hash64(std::as_bytes(std::span(&number, 1)));
  if (hash > threshold_) {
    return;
  }
  lines_.emplace_back(piece);
  hashes_.push_back(hash);
  held_bytes_ += piece.size() + sizeof(std::string);
  while (held_bytes_ > limit_bytes_) {
    halve();
  }
}

void LineSample::halve() {
  threshold_ /= 2;
  std::size_t kept = 0;
  held_bytes_ = 0;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    if (hashes_[i] <= threshold_) {
      std::swap(lines_[kept], lines_[i]);
      hashes_[kept] = hashes_[i];
      held_bytes_ += lines_[kept].size() + sizeof(std::string);
      ++kept;
    }
  }
  lines_.resize(kept);
  hashes_.resize(kept);
}

std::string train_sentencepiece(const LineSample& sample,
                                const SentencePieceTrainingOptions& options) {
  const std::unordered_map<std::string, std::string> arguments = {
      {"model_type", options.model_type},
      {"vocab_size", std::to_string(options.size)},
      {"hard_vocab_limit", "false"},  // a small text gives fewer pieces; the caller warns
      {"normalization_rule_name", options.cased ? "nmt_nfkc" : "nmt_nfkc_cf"},
      {"pad_id", "0"},
      {"unk_id", "1"},
      {"bos_id", "-1"},
      {"eos_id", "-1"},
      {"pad_piece", "<pad>"},
      {"unk_piece", "<unk>"},
      {"control_symbols", "[CLS],[SEP],[MASK]"},
      {"max_sentence_length", std::to_string(LineSample::kPieceBytes)},
      {"num_threads", "4"},  // fixed: sums over threads round by their number
      {"minloglevel", "2"},
  };
  SampleIterator sentences(sample.lines());
  std::string model;
  const sentencepiece::util::Status status =
      sentencepiece::SentencePieceTrainer::Train(arguments, &sentences, &model);
  if (!status.ok()) {
    throw DataError("training a sentencepiece model of " + std::to_string(options.size) +
                    " pieces: " + status.ToString() + "; change --size or give more text");
  }
  return model;
}

}  // namespace lambert
