// SPDX-License-Identifier: Apache-2.0
#include "optim/lamb_update.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace lambert {
namespace {

/// Increments instead of products of decay factors: beta2 = 0.999 has no exact fp32 form, and m and
/// v would settle at a value that is off by that error divided by 1 - beta.
template <bool kAverages>
void advance_moments(const UpdateBlock& block, const UpdateCoefficients& c) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  for (std::size_t i = 0; i < block.count; ++i) {
    const float gradient =
        block.gradient[i] * c.gradient_scale + c.gradient_decay * block.weight[i];
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
    round_weights(block, begin, count);
  }
}

}  // namespace lambert
