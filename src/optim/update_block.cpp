// SPDX-License-Identifier: Apache-2.0
#include "optim/update_block.h"

#include <bit>

namespace lambert {
namespace {

/// Round to nearest even, as hardware does; a NaN stays one.
std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  const std::uint32_t quiet_nan = (bits >> 16) | 0x40U;
  return static_cast<std::uint16_t>((bits & 0x7FFFFFFFU) > 0x7F800000U ? quiet_nan : rounded);
}

}  // namespace

double sum_of_squares(std::span<const float> values) {
  Lanes lanes{};
  add_squares(lanes, values.data(), values.size());
  return sum_of(lanes);
}

void round_weights(const UpdateBlock& block, std::size_t begin, std::size_t count) {
  if (block.rounded_weight == nullptr) {
    return;
  }
  for (std::size_t i = begin; i < begin + count; ++i) {
    block.rounded_weight[i] = to_bfloat16(block.weight[i]);
  }
}

}  // namespace lambert
