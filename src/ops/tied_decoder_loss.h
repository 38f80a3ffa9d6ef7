// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "ops/weight.h"

namespace lambert {

struct DecoderLoss {
  at::Tensor sum;      // () fp32, sum of cross-entropies
  at::Tensor correct;  // () int64, rows whose largest logit is the label's
};

/// Cross-entropy of softmax(x W^T + b) against labels, W the word embedding (V, H). input: (N, H)
/// in the compute type; labels: (N) int64 within 0 .. V-1. With gradients enabled the logits become
/// their own gradients in the forward pass, row by row while they are in the cache.
DecoderLoss tied_decoder_loss(const at::Tensor& input, const Weight& words, const Weight& bias,
                              const at::Tensor& labels);

}  // namespace lambert
