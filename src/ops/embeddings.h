// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ops/dropout.h"
#include "ops/token_rows.h"
#include "ops/weight.h"

namespace lambert {

struct EmbeddingWeights {
  Weight words;        // (V, H)
  Weight positions;    // (positions, H)
  Weight token_types;  // (types, H)
  NormLayer norm;
};

/// dropout(LayerNorm(word + position + token type)): (T, H). input_ids, token_type_ids: (T) int32,
/// within the tables.
at::Tensor embeddings(const EmbeddingWeights& weights, const at::Tensor& input_ids,
                      const at::Tensor& token_type_ids, const TokenRows& tokens,
                      const Dropout& dropout);

}  // namespace lambert
