// SPDX-License-Identifier: Apache-2.0
// The squared norm of the gradients on a device, in double.
#pragma once

#include "kernels/cuda_stream.h"
#include "kernels/update_plan.h"

namespace lambert {

/// Squares of finite fp32 numbers cannot overflow a double: the sum is finite exactly when all
/// gradients are.
struct GradientSquares {
  double sum = 0.0;
  std::int64_t first_non_finite = -1;  // the first tensor that has such a gradient; -1: none
};

/// sums: (sums of all tensors), those of the plan's blocks are written. Ranks that share the
/// tensors then exchange theirs.
void measure_gradients(const CudaStream& stream, const UpdatePlan& plan, double* sums);

/// squares: (tensors), each the sum of its blocks; total: their sum in the tensors' order. All in
/// device memory.
void sum_gradients(const CudaStream& stream, const UpdatePlan& plan, const double* sums,
                   double* squares, GradientSquares* total);

}  // namespace lambert
