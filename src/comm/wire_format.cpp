// SPDX-License-Identifier: Apache-2.0
#include "comm/wire_format.h"

#include <bit>
#include <cmath>
#include <limits>

namespace lambert {
namespace {

std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  // Adding half of the last kept bit, minus one if that bit is even, rounds to nearest even.
  const std::uint32_t rounded = (bits + 0x7fffU + ((bits >> 16U) & 1U)) >> 16U;
  const std::uint32_t quiet_nan = (bits >> 16U) | 0x40U;
  const bool is_nan = (bits & 0x7fffffffU) > 0x7f800000U;
  return static_cast<std::uint16_t>(is_nan ? quiet_nan : rounded);
}

float from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
}

/// The difference needs at most 16 bits, so fp32 holds it exactly. A value that is not finite, or
/// too large for bf16, leaves nothing to make up for.
float lost_by_rounding(float value, float rounded) {
  const float lost = value - rounded;
  return std::abs(lost) <= std::numeric_limits<float>::max() ? lost : 0.0F;
}

}  // namespace

void add_floats(const float* values, float* sum, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    sum[i] += values[i];
  }
}

void add_integers(const std::int64_t* values, std::int64_t* sum, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    sum[i] += values[i];
  }
}

void encode_bfloat16(const float* values, std::uint16_t* encoded, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    encoded[i] = to_bfloat16(values[i]);
  }
}

void encode_bfloat16(const float* values, std::uint16_t* encoded, float* lost, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    encoded[i] = to_bfloat16(values[i]);
    lost[i] = lost_by_rounding(values[i], from_bfloat16(encoded[i]));
  }
}

void decode_bfloat16(const std::uint16_t* encoded, float* values, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = from_bfloat16(encoded[i]);
  }
}

void add_bfloat16(const std::uint16_t* encoded, float* sum, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    sum[i] += from_bfloat16(encoded[i]);
  }
}

void round_to_bfloat16(float* values, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = from_bfloat16(to_bfloat16(values[i]));
  }
}

void round_to_bfloat16(float* values, float* lost, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const float rounded = from_bfloat16(to_bfloat16(values[i]));
    lost[i] = lost_by_rounding(values[i], rounded);
    values[i] = rounded;
  }
}

void move_floats(float* values, float* sum, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    sum[i] += values[i];
    values[i] = 0.0F;
  }
}

}  // namespace lambert
