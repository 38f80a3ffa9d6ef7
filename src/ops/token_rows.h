// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/token_layout.h"

namespace lambert {

/// Owns what a TokenLayout points to; all int32.
struct TokenRows {
  /// (B + 2): where the samples begin, where the last ends, and T.
  at::Tensor starts;
  at::Tensor sample_of;    // (T)
  at::Tensor position_of;  // (T)

  /// At least the rows of the longest sample and those that belong to none, in steps of 128, so
  /// that micro-batches agree: a device's work is made for it.
  std::int64_t longest = 0;

  TokenLayout layout() const;
};

/// lengths: (B) int32, at least 1 each, with a sum of at most row_count. All on the host.
TokenRows make_token_rows(const at::Tensor& lengths, std::int64_t row_count);

}  // namespace lambert
