// SPDX-License-Identifier: Apache-2.0
// GELU and its slope, for the host's and the device's kernel. Private to kernels/.
#pragma once

#include "kernels/vector_math.h"

namespace lambert {

struct ErfGelu {
  static constexpr float kInverseSqrtTwoPi = 0.39894228F;

  static constexpr float value(float x) {
    return x * normal_distribution(x, vector_exp(-0.5F * x * x));
  }
  static constexpr float slope(float x) {
    const float gaussian = vector_exp(-0.5F * x * x);
    return normal_distribution(x, gaussian) + x * kInverseSqrtTwoPi * gaussian;
  }
};

struct TanhGelu {
  static constexpr float kCubic = 0.044715F;
  static constexpr float kSqrtTwoOverPi = 0.79788456F;

  static constexpr float value(float x) {
    return 0.5F * x * (1.0F + vector_tanh(kSqrtTwoOverPi * (x + kCubic * x * x * x)));
  }
  static constexpr float slope(float x) {
    const float t = vector_tanh(kSqrtTwoOverPi * (x + kCubic * x * x * x));
    const float inner_slope = kSqrtTwoOverPi * (1.0F + 3.0F * kCubic * x * x);
    return 0.5F * (1.0F + t) + 0.5F * x * (1.0F - t * t) * inner_slope;
  }
};

}  // namespace lambert
