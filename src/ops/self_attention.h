// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ops/dropout.h"
#include "ops/token_rows.h"
#include "ops/weight.h"

namespace lambert {

struct SelfAttentionWeights {
  LinearWeights query;
  LinearWeights key;
  LinearWeights value;
};

/// Multi-head attention of each sample's tokens with themselves, before the output projection:
/// (T, H). input: (T, H) in the compute type.
at::Tensor self_attention(const at::Tensor& input, const SelfAttentionWeights& weights,
                          const TokenRows& tokens, std::int64_t heads, const Dropout& dropout);

}  // namespace lambert
