// SPDX-License-Identifier: Apache-2.0
#include "optim/lamb_update.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace lambert {
namespace {

constexpr std::size_t kLanes = 16;  // two AVX-512 registers of doubles
using Lanes = std::array<double, kLanes>;

void add_squares(Lanes& lanes, const float* values, std::size_t count) {
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

double sum_of(const Lanes& lanes) {
  double sum = 0.0;
  for (const double lane : lanes) {
    sum += lane;
  }
  return sum;
}

/// Round to nearest even, as hardware does; a NaN stays one.
std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  const std::uint32_t quiet_nan = (bits >> 16) | 0x40U;
  return static_cast<std::uint16_t>((bits & 0x7FFFFFFFU) > 0x7F800000U ? quiet_nan : rounded);
}

/// Increments instead of products of decay factors: beta2 = 0.999 has no exact fp32 form, and m and
/// v would settle at a value that is off by that error divided by 1 - beta.
template <bool kAverages>
void advance_moments(const UpdateBlock& block, const UpdateCoefficients& c) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  for (std::size_t i = 0; i < block.count; ++i) {
    const float gradient = block.gradient[i] * c.gradient_scale;
    const float first = block.first[i];
    const float second = block.second[i];
    block.first[i] = kAverages ? first + c.first_increment * (gradient - first)
                               : c.first_decay * first + c.first_increment * gradient;
    block.second[i] =
        second + c.second_increment * (std::min(gradient * gradient, kLargest) - second);
  }
}

/// u of `count` elements from `begin` on.
template <bool kInside>
void compute_update(const UpdateBlock& block, const UpdateCoefficients& c, std::size_t begin,
                    std::size_t count, float* update) {
  const float inside = kInside ? c.epsilon : 0.0F;
  const float outside = kInside ? 0.0F : c.epsilon;
  for (std::size_t i = 0; i < count; ++i) {
    const float first = block.first[begin + i] * c.first_debias;
    const float second = block.second[begin + i] * c.second_debias;
    update[i] =
        first / (std::sqrt(second + inside) + outside) + c.weight_decay * block.weight[begin + i];
  }
}

void compute_update(const UpdateBlock& block, const UpdateCoefficients& c, std::size_t begin,
                    std::size_t count, float* update) {
  if (c.epsilon_inside_sqrt) {
    compute_update<true>(block, c, begin, count, update);
  } else {
    compute_update<false>(block, c, begin, count, update);
  }
}

// Small enough for the first-level cache, a multiple of kLanes so that lanes do not depend on the
// piece.
constexpr std::size_t kPiece = 1024;

}  // namespace

SquaredNorms update_moments(const UpdateBlock& block, const UpdateCoefficients& coefficients) {
  if (coefficients.averages_gradient) {
    advance_moments<true>(block, coefficients);
  } else {
    advance_moments<false>(block, coefficients);
  }
  Lanes weight_lanes{};
  Lanes update_lanes{};
  std::array<float, kPiece> update{};
  for (std::size_t begin = 0; begin < block.count; begin += kPiece) {
    const std::size_t count = std::min(kPiece, block.count - begin);
    compute_update(block, coefficients, begin, count, update.data());
    add_squares(update_lanes, update.data(), count);
    add_squares(weight_lanes, block.weight + begin, count);
  }
  return {sum_of(weight_lanes), sum_of(update_lanes)};
}

void apply_update(const UpdateBlock& block, const UpdateCoefficients& coefficients, float rate) {
  std::array<float, kPiece> update{};
  for (std::size_t begin = 0; begin < block.count; begin += kPiece) {
    const std::size_t count = std::min(kPiece, block.count - begin);
    compute_update(block, coefficients, begin, count, update.data());
    float* weight = block.weight + begin;
    for (std::size_t i = 0; i < count; ++i) {
      weight[i] -= rate * update[i];
    }
    if (block.rounded_weight != nullptr) {
      std::uint16_t* rounded = block.rounded_weight + begin;
      for (std::size_t i = 0; i < count; ++i) {
        rounded[i] = to_bfloat16(weight[i]);
      }
    }
  }
}

double sum_of_squares(std::span<const float> values) {
  Lanes lanes{};
  add_squares(lanes, values.data(), values.size());
  return sum_of(lanes);
}

}  // namespace lambert
