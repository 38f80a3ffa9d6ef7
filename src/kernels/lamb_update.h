// SPDX-License-Identifier: Apache-2.0
// The arithmetic of Adam and LAMB on plain arrays, one block at a time.
#pragma once

#include "kernels/cuda_stream.h"
#include "kernels/tensor_update.h"
#include "kernels/update_block.h"
#include "kernels/update_plan.h"

namespace lambert {

/// Coefficients of one step and tensor, fp32 as the arrays are.
struct UpdateCoefficients {
  float gradient_scale = 1.0F;   // the clip scale
  float gradient_decay = 0.0F;   // weight decay added to the gradient; 0 for excluded tensors
  float first_decay = 0.9F;      // beta1
  float first_increment = 0.1F;  // 1 - beta1, or 1 without gradient averaging
  bool averages_gradient = true;
  float second_increment = 0.001F;  // 1 - beta2
  float first_debias = 1.0F;        // 1 / (1 - beta1^t)
  float second_debias = 1.0F;       // 1 / (1 - beta2^t)
  float epsilon = 1e-6F;
  bool epsilon_inside_sqrt = false;
  float weight_decay = 0.0F;  // part of the update; 0 for excluded tensors
};

/// m and v of the block; returns the squared norms of w and of u = m^ / (sqrt(v^) + epsilon) +
/// decay * w (You et al. 2020, algorithm 2).
SquaredNorms update_moments(const UpdateBlock& block, const UpdateCoefficients& coefficients);

/// w -= rate * u, u computed again from m and v: cheaper than a third array.
void apply_update(const UpdateBlock& block, const UpdateCoefficients& coefficients, float rate);

/// What a step is for all tensors.
struct LambStep {
  UpdateCoefficients decayed;
  UpdateCoefficients not_decayed;
  TrustRatioLimits limits;
  double rate = 0.0;  // learning rate, times the bias correction of the step size if there is one
};

/// A step on a device is three launches. First: m and v of every block of the plan; sums: (sums of
/// all tensors), those of the plan's blocks are written. Ranks that share the tensors then exchange
/// theirs.
void update_moments(const CudaStream& stream, const UpdatePlan& plan, const LambStep& step,
                    SquaredNorms* sums);

/// Second: the norms of every tensor, its blocks in order, its trust ratio and rate. updates,
/// rates: (tensors).
void choose_rates(const CudaStream& stream, const UpdatePlan& plan, const LambStep& step,
                  const SquaredNorms* sums, TensorUpdate* updates, float* rates);

/// Third: weights and their rounded copies.
void apply_update(const CudaStream& stream, const UpdatePlan& plan, const LambStep& step,
                  const float* rates);

}  // namespace lambert
