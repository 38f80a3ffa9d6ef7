// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "kernels/lamb_element.h"
#include "kernels/lamb_update.h"

namespace lambert {
namespace {

// What is computed at once, a multiple of kLanes so that lanes do not depend on the piece. So few
// that the roots and divisions of one piece run while the memory brings the next one.
constexpr std::size_t kPiece = 128;

/// `count` elements of the block from `begin` on.
UpdateBlock piece_of(const UpdateBlock& block, std::size_t begin, std::size_t count) {
  UpdateBlock piece = block;
  piece.weight += begin;
  piece.gradient += begin;
  piece.first += begin;
  piece.second += begin;
  piece.rounded_weight = block.rounded_weight == nullptr ? nullptr : block.rounded_weight + begin;
  piece.count = count;
  return piece;
}

/// Calls work(piece) for the pieces of the block in order.
template <typename Work>
void for_each_piece(const UpdateBlock& block, const Work& work) {
  for (std::size_t begin = 0; begin < block.count; begin += kPiece) {
    work(piece_of(block, begin, std::min(kPiece, block.count - begin)));
  }
}

template <bool kAverages>
void advance_moments(const UpdateBlock& piece, const UpdateCoefficients& c) {
  for (std::size_t i = 0; i < piece.count; ++i) {
    const Moments moments = advanced<kAverages>({piece.first[i], piece.second[i]},
                                                piece.gradient[i], piece.weight[i], c);
    piece.first[i] = moments.first;
    piece.second[i] = moments.second;
  }
}

void advance_moments(const UpdateBlock& piece, const UpdateCoefficients& c) {
  if (c.averages_gradient) {
    advance_moments<true>(piece, c);
  } else {
    advance_moments<false>(piece, c);
  }
}

using PieceUpdate = std::array<float, kPiece>;

template <bool kInside>
void compute_update(const UpdateBlock& piece, const UpdateCoefficients& c, PieceUpdate& update) {
  for (std::size_t i = 0; i < piece.count; ++i) {
    update[i] = update_of<kInside>({piece.first[i], piece.second[i]}, piece.weight[i], c);
  }
}

void compute_update(const UpdateBlock& piece, const UpdateCoefficients& c, PieceUpdate& update) {
  if (c.epsilon_inside_sqrt) {
    compute_update<true>(piece, c, update);
  } else {
    compute_update<false>(piece, c, update);
  }
}

}  // namespace

SquaredNorms update_moments(const UpdateBlock& block, const UpdateCoefficients& coefficients) {
  Lanes weight_lanes{};
  Lanes update_lanes{};
  PieceUpdate update{};
  for_each_piece(block, [&](const UpdateBlock& piece) {
    advance_moments(piece, coefficients);
    compute_update(piece, coefficients, update);
    add_squares(update_lanes, update.data(), piece.count);
    add_squares(weight_lanes, piece.weight, piece.count);
  });
  return {sum_of(weight_lanes), sum_of(update_lanes)};
}

void apply_update(const UpdateBlock& block, const UpdateCoefficients& coefficients, float rate) {
  PieceUpdate update{};
  for_each_piece(block, [&](const UpdateBlock& piece) {
    compute_update(piece, coefficients, update);
    for (std::size_t i = 0; i < piece.count; ++i) {
      piece.weight[i] -= rate * update[i];
    }
    round_weights(piece);
  });
}

}  // namespace lambert
