// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include <ATen/core/Tensor.h>

#include "ops/dropout.h"
#include "ops/token_rows.h"

namespace lambert {

/// tiled: Lambert's own, on every device; dropout masks from the counter stream. flash: LibTorch's
/// FlashAttention (Dao 2023), on CUDA devices in bf16 and fp16, heads of a multiple of 8 up to 256;
/// dropout masks from LibTorch's generator, which goes on with every call and which the model
/// starts anew for every micro-batch, and probabilities kept in steps of 1/255.
enum class AttentionKernel { tiled, flash };

/// Attention's output, and its backward pass.
struct Attention {
  at::Tensor output;  // (T, H)
  /// From the gradient of output, contiguous, to that of query_key_value.
  std::function<at::Tensor(const at::Tensor& above)> backward;
};

/// Scaled dot-product attention of each sample's tokens with themselves, with dropout on the
/// probabilities. query_key_value: (T, 3 H), see kernels/attention.h.
Attention attend(AttentionKernel kernel, const at::Tensor& query_key_value, const TokenRows& tokens,
                 std::int64_t heads, const Dropout& dropout);

/// The two kernels of attend().
Attention attend_tiled(const at::Tensor& query_key_value, const TokenRows& tokens,
                       std::int64_t heads, const Dropout& dropout);
Attention attend_flash(const at::Tensor& query_key_value, const TokenRows& tokens,
                       std::int64_t heads, const Dropout& dropout);

}  // namespace lambert
