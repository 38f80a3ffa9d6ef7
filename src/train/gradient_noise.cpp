// SPDX-License-Identifier: Apache-2.0
#include "train/gradient_noise.h"

namespace lambert {

GradientNoise estimate_gradient_noise(double small_squared_norm, double small_batch,
                                      double big_squared_norm, double big_batch) {
  // |g_B|^2 = |G|^2 + tr(Sigma) / B on average, at both sizes.
  GradientNoise noise;
  noise.squared_gradient =
      (big_batch * big_squared_norm - small_batch * small_squared_norm) / (big_batch - small_batch);
  noise.covariance_trace =
      (small_squared_norm - big_squared_norm) / (1.0 / small_batch - 1.0 / big_batch);
  noise.scale = noise.covariance_trace / noise.squared_gradient;
  return noise;
}

}  // namespace lambert
