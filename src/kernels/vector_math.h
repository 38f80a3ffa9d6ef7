// SPDX-License-Identifier: Apache-2.0
// Branch-free float functions that the compiler vectorises inside a loop. Constant expressions, so
// that device code may call them too (docs/architecture.md).
#pragma once

#include <bit>
#include <cstdint>

namespace lambert {

/// exp(x) within 2 units in the last place; 0 below -87.3, clamped above 88; NaN stays NaN. Range
/// reduction by ln 2 in two parts, polynomial of degree 6 (Taylor, remainder below 1.3e-8 for |r|
/// <= ln(2)/2).
constexpr float vector_exp(float x) {
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
}

/// The exponential and the quotient that GELU takes; a device has its own (cuda_device.h).
struct PortableMath {
  static constexpr float exponential(float x) { return vector_exp(x); }
  static constexpr float quotient(float a, float b) { return a / b; }
};

}  // namespace lambert
