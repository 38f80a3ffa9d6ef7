// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/counter_rng.h"
#include "data/example.h"

namespace lambert {

/// What the original BERT calls the masked LM settings of its data step.
struct MaskingRule {
  double masked_lm_prob = 0.15;
  std::int64_t max_predictions = 0;
  std::int64_t vocab_size = 0;
  SpecialTokens special_tokens;
};

/// The choices for one example.
struct Masking {
  std::vector<std::int32_t> positions;     // (P) ascending, never [CLS] or [SEP]
  std::vector<std::int32_t> labels;        // (P) the original ids there
  std::vector<std::int32_t> replacements;  // (P) what the network sees there
};

/// Stands in the place of the phase index in the masking streams of held-out examples, so that they
/// share no numbers with a training phase.
constexpr std::uint32_t kEvaluationPhase = 0xFFFFFFFF;

/// min(max_predictions, max(1, round(masked_lm_prob * tokens))), [CLS] and [SEP] counted, a half
/// rounded to even (create_pretraining_data.py of the original release).
std::int64_t masked_token_count(std::int64_t token_count, const MaskingRule& rule);

/// Of the chosen positions 80 % become [MASK], 10 % keep their token, 10 % get one drawn evenly
/// from the whole vocabulary. A pure function of its arguments; the stream is fresh: (seed,
/// masking, sample number, phase).
Masking mask_example(const Example& example, const MaskingRule& rule, CounterStream stream);

}  // namespace lambert
