// SPDX-License-Identifier: Apache-2.0
// Private to the .cu files: how a block walks down a band of columns and leaves their sums over a
// part of the rows.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cuda_rows.h"

namespace lambert {

inline constexpr int kColumnLanes = 32;  // threads side by side: whole lines of memory per warp
inline constexpr int kRowLanes = 8;      // rows that a block has in flight
/// Rows that make a part worth a block, and the most parts: with the 4 to 8 bands of BERT's widths
/// 256 parts are 8 to 16 blocks per multiprocessor of an H100.
inline constexpr std::int64_t kRowsOfPart = 64;
inline constexpr std::int64_t kMostParts = 256;

/// Parts of the rows; at least one.
constexpr std::int64_t row_parts(std::int64_t rows) {
  return std::clamp((rows + kRowsOfPart - 1) / kRowsOfPart, std::int64_t{1}, kMostParts);
}

template <int kWidth>
LaunchShape column_walk_shape(std::int64_t rows, std::int64_t columns) {
  return {dim3(grid_size(quotient_up(columns, kColumnLanes * kWidth)), grid_size(row_parts(rows))),
          dim3(kColumnLanes, kRowLanes), shared_bytes_of<float>(kColumnLanes * kRowLanes * kWidth)};
}

/// What a thread of column_walk_shape() visits: columns column .. column + kWidth - 1 of rows
/// first_row, first_row + kRowLanes ... below end_row; no row when it lies right of the columns.
template <int kWidth>
struct ColumnWalk {
  std::int64_t column = 0;
  std::int64_t first_row = 0;
  std::int64_t end_row = 0;
  std::int64_t columns = 0;

  __device__ ColumnWalk(std::int64_t rows, std::int64_t column_count)
      : column((std::int64_t{blockIdx.x} * kColumnLanes + threadIdx.x) * kWidth),
        columns(column_count) {
    const std::int64_t parts = gridDim.y;
    first_row = rows * blockIdx.y / parts + threadIdx.y;
    end_row = column < columns ? rows * (std::int64_t{blockIdx.y} + 1) / parts : 0;
  }

  /// partial[blockIdx.y, column ..] = the sums of the block's row lanes, in order. space:
  /// (kRowLanes, kColumnLanes * kWidth), shared memory.
  __device__ void store_sums(const Floats<kWidth>& sums, float* space, float* partial) const {
    constexpr int kBand = kColumnLanes * kWidth;
    const int own = static_cast<int>(threadIdx.x) * kWidth;
    for (int i = 0; i < kWidth; ++i) {
      space[static_cast<int>(threadIdx.y) * kBand + own + i] = sums.values[i];
    }
    __syncthreads();
    if (threadIdx.y == 0 && column < columns) {
      Floats<kWidth> total = sums;
      for (int lane = 1; lane < kRowLanes; ++lane) {
        for (int i = 0; i < kWidth; ++i) {
          total.values[i] += space[lane * kBand + own + i];
        }
      }
      store<kWidth>(partial + std::int64_t{blockIdx.y} * columns + column, total);
    }
  }
};

}  // namespace lambert
