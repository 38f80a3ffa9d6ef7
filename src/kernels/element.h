// SPDX-License-Identifier: Apache-2.0
// The two element types of the kernels. Arithmetic is in float; only loads and stores know bf16.
// Constant expressions, so that device code may call them too (docs/architecture.md).
#pragma once

#include <bit>
#include <cstdint>

namespace lambert {

enum class ElementType { float32, bfloat16 };

/// The upper half of a float.
struct Bfloat16 {
  std::uint16_t bits = 0;
};

constexpr float to_float(float value) {
  return value;
}
constexpr float to_float(Bfloat16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

template <typename T>
constexpr T from_float(float value);

template <>
constexpr float from_float<float>(float value) {
  return value;
}

/// Rounds to nearest, ties to even; NaN stays NaN.
template <>
constexpr Bfloat16 from_float<Bfloat16>(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  return {static_cast<std::uint16_t>(value != value ? 0x7FC0U : rounded)};
}

template <typename T>
constexpr ElementType kElementType = ElementType::float32;
template <>
inline constexpr ElementType kElementType<Bfloat16> = ElementType::bfloat16;

}  // namespace lambert
