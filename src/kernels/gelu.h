// SPDX-License-Identifier: Apache-2.0
// GELU and its slope, for the host's and the device's kernel. Private to kernels/. Math:
// PortableMath or cuda_device.h's.
#pragma once

#include "kernels/vector_math.h"

namespace lambert {

/// tanh(x) with an absolute error of about 1e-7.
template <typename Math>
constexpr float vector_tanh(float x) {
  return 1.0F - Math::quotient(2.0F, Math::exponential(2.0F * x) + 1.0F);
}

/// Phi(x) of the standard normal from gaussian = exp(-x^2 / 2); absolute error below 1.5e-7
/// (Abramowitz and Stegun, formula 7.1.26, with z = |x| / sqrt(2)).
template <typename Math>
constexpr float normal_distribution(float x, float gaussian) {
  const float z = (x < 0.0F ? -x : x) * 0.70710678F;
  const float t = Math::quotient(1.0F, 1.0F + 0.3275911F * z);
  float p = 1.061405429F;
  p = p * t - 1.453152027F;
  p = p * t + 1.421413741F;
  p = p * t - 0.284496736F;
  p = p * t + 0.254829592F;
  const float upper_tail = 0.5F * p * t * gaussian;
  return x < 0.0F ? upper_tail : 1.0F - upper_tail;
}

template <typename Math>
struct ErfGelu {
  static constexpr float kInverseSqrtTwoPi = 0.39894228F;

  static constexpr float value(float x) {
    return x * normal_distribution<Math>(x, Math::exponential(-0.5F * x * x));
  }
  static constexpr float slope(float x) {
    const float gaussian = Math::exponential(-0.5F * x * x);
    return normal_distribution<Math>(x, gaussian) + x * kInverseSqrtTwoPi * gaussian;
  }
};

template <typename Math>
struct TanhGelu {
  static constexpr float kCubic = 0.044715F;
  static constexpr float kSqrtTwoOverPi = 0.79788456F;

  static constexpr float value(float x) {
    return 0.5F * x * (1.0F + vector_tanh<Math>(kSqrtTwoOverPi * (x + kCubic * x * x * x)));
  }
  static constexpr float slope(float x) {
    const float t = vector_tanh<Math>(kSqrtTwoOverPi * (x + kCubic * x * x * x));
    const float inner_slope = kSqrtTwoOverPi * (1.0F + 3.0F * kCubic * x * x);
    return 0.5F * (1.0F + t) + 0.5F * x * (1.0F - t * t) * inner_slope;
  }
};

}  // namespace lambert
