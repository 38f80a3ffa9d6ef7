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

  /// Rows of the longest sample, or of those that belong to none if they are more.
  std::int64_t longest = 0;

  TokenLayout layout() const;
};

/// lengths: (B) int32, at least 1 each, with a sum of at most row_count. All on the host.
TokenRows make_token_rows(const at::Tensor& lengths, std::int64_t row_count);

/// The same in the device's memory.
TokenRows to_device(const TokenRows& rows, const at::Device& device);

}  // namespace lambert
