// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text/word_counter.h"

namespace lambert {

struct WordPieceTrainingOptions {
  std::int64_t size = 0;  // tokens, the five special ones included; an upper bound
  std::int64_t min_frequency =
      2;  // a pair seen less often is never merged (Hugging Face's BERT default)
  std::int64_t max_alphabet =
      1000;  // characters (Hugging Face's BERT default); further capped at size / 4
};

/// A WordPiece vocabulary in the order of its ids: [PAD] [UNK] [CLS] [SEP] [MASK], the alphabet,
/// its
/// "##" forms, then merges by falling frequency. As Hugging Face's WordPieceTrainer: start from
/// characters, again and again join the most frequent pair of neighbours. Ties go to the pair with
/// the smaller ids, so equal counts give an equal vocabulary. Words with a character outside the
/// alphabet are left out. Fewer than size tokens come out when no pair is frequent enough.
std::vector<std::string> train_wordpiece(const std::vector<CountedWord>& words,
                                         const WordPieceTrainingOptions& options);

}  // namespace lambert
