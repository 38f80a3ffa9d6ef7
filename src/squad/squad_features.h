// SPDX-License-Identifier: Apache-2.0
// Windows over paragraphs, by the rules of the original (google-research/bert, run_squad.py).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "squad/squad_data.h"
#include "text/tokenizer.h"

namespace lambert {

/// [CLS] question [SEP] window [SEP], without padding.
struct SquadFeature {
  std::size_t question = 0;  // index into SquadData::questions
  std::vector<std::int32_t> input_ids;
  std::int32_t window_begin = 0;      // position of the window's first token = of segment 1
  std::int32_t first_token = 0;       // of the window, in the paragraph's tokens
  std::vector<bool> has_max_context;  // for each token of the window: no other window sees more
                                      // around it
  // Training: positions of the answer's first and last token; 0 ([CLS]) when it is not in the
  // window or there is none.
  std::int32_t start_position = 0;
  std::int32_t end_position = 0;

  std::int32_t window_size() const { return static_cast<std::int32_t>(has_max_context.size()); }
};

/// Code points of a word, from begin to before end.
struct PlaceInWord {
  std::int32_t begin = 0;
  std::int32_t end = 0;
};

/// A paragraph as words (split at white space) and their tokens.
struct TokenizedContext {
  std::vector<std::string> words;
  std::vector<std::int32_t> word_begin;  // code point of the paragraph
  std::vector<std::int32_t> tokens;
  // Sentencepiece only: where each token stands in its word. The whole word, for all tokens of a
  // word that the normaliser made longer or shorter.
  std::vector<PlaceInWord> place_of_token;
  std::vector<std::int32_t> word_of_token;
  std::vector<std::int32_t> first_token_of_word;
  std::vector<std::int32_t> word_of_code_point;  // white space belongs to the word before it
};

struct FeatureOptions {
  std::int64_t max_seq_length = 384;
  std::int64_t doc_stride = 128;       // tokens from one window's start to the next one's
  std::int64_t max_query_length = 64;  // longer questions are cut
};

struct SquadFeatures {
  std::vector<TokenizedContext> contexts;  // as SquadData::contexts
  std::vector<SquadFeature> features;      // in the order of questions and windows
  std::int64_t cut_questions = 0;
  std::int64_t unusable_questions = 0;  // training: the answer is not where it is said to be
};

/// For prediction: every window of every question.
SquadFeatures make_prediction_features(const SquadData& data, const Tokenizer& tokenizer,
                                       const FeatureOptions& options);

/// The same with answer positions (of the first answer); questions with wrong offsets are left out
/// and counted.
SquadFeatures make_training_features(const SquadData& data, const Tokenizer& tokenizer,
                                     const FeatureOptions& options);

TokenizedContext tokenize_context(const std::string& context, const Tokenizer& tokenizer);

}  // namespace lambert
