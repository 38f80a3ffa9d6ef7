// SPDX-License-Identifier: Apache-2.0
// The arithmetic of LARS on plain arrays, one block at a time.
#pragma once

#include "kernels/update_block.h"

namespace lambert {

/// Coefficients of one step and tensor, fp32 as the arrays are. x = g * gradient_scale +
/// weight_decay * w is the decayed gradient.
struct LarsCoefficients {
  float gradient_scale = 1.0F;  // the clip scale
  float weight_decay = 0.0F;    // 0 for excluded tensors
  float decrement = 0.1F;       // 1 - momentum: nearer to its double than the momentum's fp32 is
  float increment = 0.1F;       // 1 - momentum, or 1 without gradient averaging
};

/// m = momentum * m + increment * x; returns the squared norms of w and m.
SquaredNorms update_momentum(const UpdateBlock& block, const LarsCoefficients& coefficients);
/// w -= rate * m.
void apply_momentum(const UpdateBlock& block, float rate);

/// The squared norms of w and of g * gradient_scale.
SquaredNorms measure_gradient(const UpdateBlock& block, const LarsCoefficients& coefficients);
/// m = momentum * m + rate * x, w -= m.
void apply_scaled_gradient(const UpdateBlock& block, const LarsCoefficients& coefficients,
                           float rate);

}  // namespace lambert
