// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "kernels/lamb_element.h"
#include "kernels/lamb_update.h"

namespace lambert {
namespace {

template <bool kAverages>
void advance_moments(const UpdateBlock& block, const UpdateCoefficients& c) {
  for (std::size_t i = 0; i < block.count; ++i) {
    const Moments moments = advanced<kAverages>({block.first[i], block.second[i]},
                                                block.gradient[i], block.weight[i], c);
    block.first[i] = moments.first;
    block.second[i] = moments.second;
  }
}

/// u of `count` elements from `begin` on.
template <bool kInside>
void compute_update(const UpdateBlock& block, const UpdateCoefficients& c, std::size_t begin,
                    std::size_t count, float* update) {
  for (std::size_t i = 0; i < count; ++i) {
    update[i] = update_of<kInside>({block.first[begin + i], block.second[begin + i]},
                                   block.weight[begin + i], c);
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
