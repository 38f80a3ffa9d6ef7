// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lambert {

/// A deterministic sample of lines in bounded memory: every line has a hash, and a line is kept
/// while its hash is below a threshold that halves whenever the kept lines outgrow the limit. Lines
/// longer than kPieceBytes are cut at spaces first, because the trainer leaves out what is longer.
class LineSample {
 public:
  static constexpr std::size_t kPieceBytes = 4096;
  static constexpr std::size_t kDefaultLimitBytes = 256U << 20U;

  explicit LineSample(std::size_t limit_bytes = kDefaultLimitBytes) : limit_bytes_(limit_bytes) {}

  void add_line(std::string_view line);
  const std::vector<std::string>& lines() const { return lines_; }
  /// Pieces seen, kept or not.
  std::uint64_t seen() const { return seen_; }

 private:
  void add_piece(std::string_view piece);
  void halve();

  std::size_t limit_bytes_;
  std::size_t held_bytes_ = 0;
  std::uint64_t seen_ = 0;
  std::uint64_t threshold_ = ~0ULL;
  std::vector<std::string> lines_;
  std::vector<std::uint64_t> hashes_;  // of lines_, same order
};

struct SentencePieceTrainingOptions {
  std::string model_type;  // "unigram" or "bpe"
  std::int64_t size = 0;   // pieces, special ones included; an upper bound
  bool cased = false;      // false: the normaliser nmt_nfkc_cf lower-cases
};

/// The serialised model, ids as in ALBERT: <pad> 0, <unk> 1, [CLS] 2, [SEP] 3, [MASK] 4. Same
/// sample, same model, on any number of cores. Run it in a child process: the library may end the
/// process it runs in. Throws DataError with the library's reason.
std::string train_sentencepiece(const LineSample& sample,
                                const SentencePieceTrainingOptions& options);

}  // namespace lambert
