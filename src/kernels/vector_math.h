// SPDX-License-Identifier: Apache-2.0
// Branch-free float functions that the compiler vectorises inside a loop. Constant expressions, so
// that device code may call them too (docs/architecture.md).
#pragma once

#include <bit>
#include <cstdint>

namespace lambert {

/// exp(x) within 2 units in the last place; 0 below -87.3, clamped above 88; NaN stays NaN. Range
/// reduction by ln 2 in two parts, polynomial of degree 6 (Taylor, remainder below 1.3e-8 for |r|
/// <= ln(2)/2). On a device by its own instruction, within 2 + |x| units.
constexpr float vector_exp(float x) {
#ifdef __CUDA_ARCH__
  return __expf(x > 88.0F ? 88.0F : x);
#else
  constexpr float kLog2E = 1.44269504F;
  constexpr float kLn2High = 0.693359375F;
  constexpr float kLn2Low = -2.12194440e-4F;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  float bounded = x > 88.0F ? 88.0F : x;
  bounded = bounded < -87.3F ? -87.3F : bounded;
  const float shifted = bounded * kLog2E + kRound;
  const float whole = shifted - kRound;
  const float r = (bounded - whole * kLn2High) - whole * kLn2Low;
  float p = 1.0F / 720.0F;
  p = p * r + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const std::uint32_t exponent = (std::bit_cast<std::uint32_t>(shifted) + 127U) << 23;
  const float result = p * std::bit_cast<float>(exponent);
  return x < -87.3F ? 0.0F : result;
#endif
}

/// a / b for positive b; on a device within 2 units in the last place.
constexpr float quotient(float a, float b) {
#ifdef __CUDA_ARCH__
  return __fdividef(a, b);
#else
  return a / b;
#endif
}

/// tanh(x) with an absolute error of about 1e-7.
constexpr float vector_tanh(float x) {
  return 1.0F - quotient(2.0F, vector_exp(2.0F * x) + 1.0F);
}

/// Phi(x) of the standard normal from gaussian = exp(-x^2 / 2); absolute error below 1.5e-7
/// (Abramowitz and Stegun, formula 7.1.26, with z = |x| / sqrt(2)).
constexpr float normal_distribution(float x, float gaussian) {
  const float z = (x < 0.0F ? -x : x) * 0.70710678F;
  const float t = quotient(1.0F, 1.0F + 0.3275911F * z);
  float p = 1.061405429F;
  p = p * t - 1.453152027F;
  p = p * t + 1.421413741F;
  p = p * t - 0.284496736F;
  p = p * t + 0.254829592F;
  const float upper_tail = 0.5F * p * t * gaussian;
  return x < 0.0F ? upper_tail : 1.0F - upper_tail;
}

}  // namespace lambert
