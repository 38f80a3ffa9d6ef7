// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ops/dropout.h"
#include "ops/weight.h"

namespace lambert {

struct SelfAttentionWeights {
  LinearWeights query;
  LinearWeights key;
  LinearWeights value;
};

struct SelfAttentionShape {
  std::int64_t samples = 0;          // B
  std::int64_t sequence_length = 0;  // S
  std::int64_t heads = 0;
  at::Tensor lengths;  // (B) int32
};

/// Multi-head attention of a padded batch with itself, before the output projection: (B * S, H).
/// input: (B * S, H) in the compute type.
at::Tensor self_attention(const at::Tensor& input, const SelfAttentionWeights& weights,
                          const SelfAttentionShape& shape, const Dropout& dropout);

}  // namespace lambert
