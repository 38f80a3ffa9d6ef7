// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lambert {

/// What the backward pass of a LayerNorm needs to know of a row. Private to kernels/.
struct RowStatistics {
  float mean = 0.0F;
  float inverse_deviation = 0.0F;  // 1 / sqrt(variance + epsilon)
};

}  // namespace lambert
