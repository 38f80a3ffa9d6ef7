// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "ops/attention.h"
#include "ops/joined_linear.h"

namespace lambert {

struct SelfAttentionWeights {
  LinearWeights query;
  LinearWeights key;
  LinearWeights value;
  std::shared_ptr<JoinedLinear> joined;  // of the three
};

/// Multi-head attention of each sample's tokens with themselves, before the output projection:
/// (T, H). input: (T, H) in the compute type.
at::Tensor self_attention(const at::Tensor& input, const SelfAttentionWeights& weights,
                          const TokenRows& tokens, std::int64_t heads, const Dropout& dropout,
                          AttentionKernel kernel);

}  // namespace lambert
