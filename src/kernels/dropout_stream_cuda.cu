// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda_dropout.h"
#include "kernels/cuda_rows.h"

namespace lambert {

namespace {

constexpr int kThreads = 128;  // of a block; each makes one Philox block and writes eight elements

__global__ void write_multipliers(DropoutMask mask, std::int64_t sample_index, std::uint32_t row,
                                  std::int64_t columns, float* multipliers) {
  const std::int64_t block = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (block >= dropout_block_count(columns)) {
    return;
  }
  const auto sample = static_cast<std::uint64_t>(mask.sample_numbers[sample_index]);
  const std::uint32_t kept = kept_lanes(mask, sample, row, static_cast<std::uint32_t>(block));
  for (unsigned lane = 0; lane < 8; ++lane) {
    const std::int64_t column = block / 16 * 128 + 16 * lane + block % 16;
    if (column < columns) {
      multipliers[column] = ((kept >> lane) & 1U) != 0 ? mask.scale : 0.0F;
    }
  }
}

__global__ void write_ones(std::int64_t columns, float* multipliers) {
  const std::int64_t column = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (column < columns) {
    multipliers[column] = 1.0F;
  }
}

}  // namespace

void dropout_multipliers(const CudaStream& stream, const DropoutMask& mask,
                         std::int64_t sample_index, std::uint32_t row, std::int64_t columns,
                         float* multipliers) {
  if (!mask.is_active()) {
    launch("write_ones", write_ones, {grid_size(quotient_up(columns, kThreads)), kThreads}, stream,
           columns, multipliers);
    return;
  }
  const std::int64_t blocks = quotient_up(dropout_block_count(columns), kThreads);
  launch("write_multipliers", write_multipliers, {grid_size(blocks), kThreads}, stream, mask,
         sample_index, row, columns, multipliers);
}

}  // namespace lambert
