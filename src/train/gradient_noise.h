// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lambert {

/// How noisy the gradient is, in sequences: the batch at which noise and signal are equal is
/// `scale`. Far below it a larger batch saves steps in proportion; far above it, it saves next to
/// none. One step's estimate scatters and may be negative: average squared_gradient and
/// covariance_trace over steps, and divide then.
struct GradientNoise {
  double squared_gradient = 0.0;  // |G|^2 of the true gradient
  double covariance_trace = 0.0;  // tr(Sigma) of one sequence's gradient
  double scale = 0.0;             // B_simple = tr(Sigma) / |G|^2, sequences
};

/// McCandlish et al. 2018, "An Empirical Model of Large-Batch Training", appendix A.1, from the
/// gradients of two batch sizes, both means over their batch. small_squared_norm: mean of |g|^2
/// over batches of small_batch sequences; small_batch < big_batch.
GradientNoise estimate_gradient_noise(double small_squared_norm, double small_batch,
                                      double big_squared_norm, double big_batch);

}  // namespace lambert
