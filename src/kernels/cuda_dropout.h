// SPDX-License-Identifier: Apache-2.0
// Private to the .cu files: the masks of dropout_stream.h on the device. One Philox block decides
// eight columns that lie 16 apart: its eight lanes are kept as the bits of one byte.
#pragma once

#include <cstdint>

#include "kernels/cuda_device.h"
#include "kernels/dropout_stream.h"
#include "kernels/token_layout.h"

namespace lambert {

/// Bit j: lane j of the Philox block is kept.
__device__ inline std::uint32_t kept_lanes(const DropoutMask& mask, std::uint64_t sample,
                                           std::uint32_t row, std::uint32_t block) {
  PhiloxKey key = mask.key;
  if (mask.device_key != nullptr) {
    key = *mask.device_key;
  }
  const PhiloxBlock words = philox(
      {block, row, static_cast<std::uint32_t>(sample), static_cast<std::uint32_t>(sample >> 32)},
      key);
  std::uint32_t kept = 0;
  for (unsigned lane = 0; lane < 8; ++lane) {
    const std::uint32_t number = (words[lane / 2] >> (16 * (lane % 2))) & 0xFFFFU;
    kept |= (number >= mask.threshold ? 1U : 0U) << lane;
  }
  return kept;
}

/// The Philox block and the lane that decide a column.
constexpr std::uint32_t dropout_block(std::uint32_t column) {
  return 16 * (column / 128) + column % 16;
}
constexpr std::uint32_t dropout_lane(std::uint32_t column) {
  return column / 16 % 8;
}

/// Philox blocks of a row of so many columns.
constexpr std::int64_t dropout_block_count(std::int64_t columns) {
  return 16 * ((columns + 127) / 128);
}

/// The mask of a hidden tensor's row, if there is dropout, by all threads of the block; a barrier
/// must follow. kept: (dropout_block_count(columns)), shared memory.
__device__ inline void make_mask(const HiddenShape& shape, const DropoutMask& mask,
                                 std::int64_t row, std::uint8_t* kept) {
  if (!mask.is_active()) {
    return;
  }
  const auto sample = static_cast<std::uint64_t>(mask.sample_numbers[shape.layout.sample_of[row]]);
  const auto position = static_cast<std::uint32_t>(shape.layout.position_of[row]);
  const auto blocks = static_cast<std::uint32_t>(dropout_block_count(shape.columns));
  for (std::uint32_t block = threadIdx.x; block < blocks; block += blockDim.x) {
    kept[block] = static_cast<std::uint8_t>(kept_lanes(mask, sample, position, block));
  }
}

/// 0 or mask.scale.
__device__ inline float multiplier_of(const DropoutMask& mask, const std::uint8_t* kept,
                                      std::int64_t column) {
  const auto c = static_cast<std::uint32_t>(column);
  return ((static_cast<std::uint32_t>(kept[dropout_block(c)]) >> dropout_lane(c)) & 1U) != 0
             ? mask.scale
             : 0.0F;
}

}  // namespace lambert
