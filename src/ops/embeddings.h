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

/// What to look up, in the memory of the weights when it is looked up.
struct EmbeddingIds {
  at::Tensor input_ids;       // (T) int32, within the table
  at::Tensor token_type_ids;  // (T) int32, within the table
  /// (3, T) int32, on a device only: the rows in the order of their words, positions and token
  /// types (kernels/embedding.h), which fixes the order of the gradients' sums.
  at::Tensor orders;
};

/// On the host.
EmbeddingIds make_embedding_ids(const at::Tensor& input_ids, const at::Tensor& token_type_ids,
                                const TokenRows& tokens, bool with_orders);

/// dropout(LayerNorm(word + position + token type)): (T, H).
at::Tensor embeddings(const EmbeddingWeights& weights, const EmbeddingIds& ids,
                      const TokenRows& tokens, const Dropout& dropout);

}  // namespace lambert
