// SPDX-License-Identifier: Apache-2.0
// LAMB on one element, for the host's and the device's kernel. Private to kernels/.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/lamb_update.h"

namespace lambert {

struct Moments {
  float first = 0.0F;   // m
  float second = 0.0F;  // v
};

/// Increments instead of products of decay factors: beta2 = 0.999 has no exact fp32 form, and m and
/// v would settle at a value that is off by that error divided by 1 - beta.
template <bool kAverages>
constexpr Moments advanced(const Moments& old, float raw_gradient, float weight,
                           const UpdateCoefficients& c) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  const float gradient = raw_gradient * c.gradient_scale + c.gradient_decay * weight;
  return {kAverages ? old.first + c.first_increment * (gradient - old.first)
                    : c.first_decay * old.first + c.first_increment * gradient,
          old.second + c.second_increment * (std::min(gradient * gradient, kLargest) - old.second)};
}

/// u = m^ / (sqrt(v^) + epsilon) + decay * w, or with epsilon inside the root.
template <bool kInside>
constexpr float update_of(const Moments& moments, float weight, const UpdateCoefficients& c) {
  const float inside = kInside ? c.epsilon : 0.0F;
  const float outside = kInside ? 0.0F : c.epsilon;
  const float first = moments.first * c.first_debias;
  const float second = moments.second * c.second_debias;
  return first / (std::sqrt(second + inside) + outside) + c.weight_decay * weight;
}

}  // namespace lambert
