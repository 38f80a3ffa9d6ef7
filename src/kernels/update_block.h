// SPDX-License-Identifier: Apache-2.0
// What the update kernels work on: plain arrays, one block at a time. Sums are double, over fixed
// lanes, so that a block gives the same bits on every rank and whatever thread runs it.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/element.h"

namespace lambert {

/// Elements handled at once; norms are sums of block sums in block order.
inline constexpr std::size_t kUpdateBlock = 16384;

constexpr std::size_t block_count_of(std::size_t elements) {
  return (elements + kUpdateBlock - 1) / kUpdateBlock;
}

/// A block of one tensor; all arrays have the same length.
struct UpdateBlock {
  float* weight;                  // fp32 master
  const float* gradient;          // fp32
  float* first;                   // m
  float* second;                  // v, or null
  std::uint16_t* rounded_weight;  // copy of the weight in rounded_type, or null
  std::size_t count;
  ElementType rounded_type;  // bfloat16 or float16
};

struct SquaredNorms {
  double weight = 0.0;
  double update = 0.0;
};

inline constexpr std::size_t kLanes = 16;  // two AVX-512 registers of doubles
using Lanes = std::array<double, kLanes>;

inline void add_squares(Lanes& lanes, const float* values, std::size_t count) {
  const std::size_t whole = count - count % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const auto value = static_cast<double>(values[i + lane]);
      lanes[lane] += value * value;
    }
  }
  for (std::size_t i = whole; i < count; ++i) {
    lanes[i - whole] += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  }
}

inline double sum_of(const Lanes& lanes) {
  double sum = 0.0;
  for (const double lane : lanes) {
    sum += lane;
  }
  return sum;
}

double sum_of_squares(std::span<const float> values);

/// The bits of a weight in bf16: round to nearest even, as hardware does; a NaN stays one.
constexpr std::uint16_t rounded_weight_bits(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  const std::uint32_t quiet_nan = (bits >> 16) | 0x40U;
  return static_cast<std::uint16_t>((bits & 0x7FFFFFFFU) > 0x7F800000U ? quiet_nan : rounded);
}

constexpr std::uint16_t rounded_weight_bits(ElementType type, float value) {
  return type == ElementType::float16 ? from_float<Float16>(value).bits
                                      : rounded_weight_bits(value);
}

/// The rounded copy of the weights, if the block has one.
void round_weights(const UpdateBlock& block);

}  // namespace lambert
