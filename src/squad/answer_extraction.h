// SPDX-License-Identifier: Apache-2.0
// From start and end logits to answers in the paragraph's own text, by the rules of the original
// (google-research/bert, run_squad.py and, for v2.0, its null odds).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "squad/squad_features.h"

namespace lambert {

/// Logits of one feature, one for each of its input_ids.
struct WindowLogits {
  std::vector<float> start;
  std::vector<float> end;
};

struct ExtractionOptions {
  SquadVersion version = SquadVersion::v1_1;
  std::int64_t n_best_size = 20;                 // starts and ends tried per window, answers kept
  std::int64_t max_answer_length = 30;           // tokens
  double null_score_difference_threshold = 0.0;  // v2.0: above it the answer is ""
};

struct RankedAnswer {
  std::string text;
  double probability = 0.0;  // softmax over the answers kept
  double start_logit = 0.0;
  double end_logit = 0.0;
};

struct QuestionAnswer {
  std::string text;                  // the prediction; "" = no answer (v2.0)
  std::vector<RankedAnswer> n_best;  // best first, at least one
  double null_odds = 0.0;            // v2.0: score of "no answer" minus that of the best answer
};

/// windows and logits: those of one question, in order.
QuestionAnswer extract_answer(const std::vector<const SquadFeature*>& windows,
                              const std::vector<const WindowLogits*>& logits,
                              const TokenizedContext& context, const Tokenizer& tokenizer,
                              const ExtractionOptions& options);

/// The part of `words` (a paragraph's words, joined by spaces) that the tokenizer reads as
/// `token_text`; all of it when they cannot be aligned. get_final_text() of the original.
std::string align_to_original(std::string_view token_text, const std::string& words, bool cased);

}  // namespace lambert
