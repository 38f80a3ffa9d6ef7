// SPDX-License-Identifier: Apache-2.0
// The element types of the kernels. Arithmetic is in float; only loads and stores know the others.
// Constant expressions, so that device code may call them too (docs/architecture.md).
#pragma once

#include <bit>
#include <cstdint>

namespace lambert {

enum class ElementType { float32, bfloat16, float16 };

/// The upper half of a float.
struct Bfloat16 {
  std::uint16_t bits = 0;
};

/// IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits; largest number 65504, smallest
/// normal one 2^-14, all smaller ones multiples of 2^-24.
struct Float16 {
  std::uint16_t bits = 0;
};

/// Where binary16's exponents lie among fp32's: their biases are 15 and 127.
inline constexpr std::uint32_t kFloat16Rebias = std::uint32_t{127 - 15} << 23;

constexpr float to_float(float value) {
  return value;
}
constexpr float to_float(Bfloat16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

/// Exact. Without branches, so that loops become vector code, and without fp32 subnormals, so that
/// a mode that flushes them changes nothing.
constexpr float to_float(Float16 value) {
  const std::uint32_t magnitude = value.bits & 0x7FFFU;
  const std::uint32_t normal = (magnitude << 13) + kFloat16Rebias;
  // fraction * 2^-24 = (1 + fraction / 2^10) * 2^-14 - 2^-14
  const float subnormal = std::bit_cast<float>(normal + 0x00800000U) - 0x1p-14F;
  // Infinity and NaN: to fp32's largest exponent.
  const std::uint32_t usual = magnitude < 0x7C00U ? normal : normal + kFloat16Rebias;
  const std::uint32_t positive =
      magnitude < 0x0400U ? std::bit_cast<std::uint32_t>(subnormal) : usual;
  const std::uint32_t sign = static_cast<std::uint32_t>(value.bits & 0x8000U) << 16;
  return std::bit_cast<float>(positive | sign);
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

/// Rounds to nearest, ties to even; from 65520 on to infinity; NaN stays NaN.
template <>
constexpr Float16 from_float<Float16>(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  const std::uint32_t normal =
      (magnitude - kFloat16Rebias + 0x0FFFU + ((magnitude >> 13) & 1U)) >> 13;
  const std::uint32_t finite = normal < 0x7C00U ? normal : 0x7C00U;
  // Below 2^-14: numbers from 0.5 to 1 are multiples of 2^-24, so that adding 0.5 rounds.
  const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
  const std::uint32_t subnormal = std::bit_cast<std::uint32_t>(shifted) - 0x3F000000U;
  const std::uint32_t usual = magnitude < 0x38800000U ? subnormal : finite;
  const std::uint32_t positive = magnitude > 0x7F800000U ? 0x7E00U : usual;
  return {static_cast<std::uint16_t>(positive | ((bits >> 16) & 0x8000U))};
}

template <typename T>
constexpr ElementType kElementType = ElementType::float32;
template <>
inline constexpr ElementType kElementType<Bfloat16> = ElementType::bfloat16;
template <>
inline constexpr ElementType kElementType<Float16> = ElementType::float16;

}  // namespace lambert
