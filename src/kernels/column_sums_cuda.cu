// SPDX-License-Identifier: Apache-2.0
// Sums over rows in two launches: blocks add up parts of the rows, then the parts are added in
// order. How rows are cut depends on their number alone, so the bits do not depend on the device.
#include "kernels/column_sums.h"
#include "kernels/cuda_columns.h"
#include "kernels/cuda_scratch.h"

namespace lambert {

namespace {

constexpr int kPartLanes = 32;  // parts that a block of add_parts() has in flight

template <int kWidth, typename T>
__global__ void sum_parts(const T* values, std::int64_t rows, std::int64_t columns,
                          float* partial) {
  SharedMemory shared;
  float* const space = shared.take<float>(kColumnLanes * kRowLanes * kWidth);
  const ColumnWalk<kWidth> walk(rows, columns);
  Floats<kWidth> sums{};
  for (std::int64_t row = walk.first_row; row < walk.end_row; row += kRowLanes) {
    const Floats<kWidth> loaded = load<kWidth>(values + row * columns + walk.column);
    for (int i = 0; i < kWidth; ++i) {
      sums.values[i] += loaded.values[i];
    }
  }
  walk.store_sums(sums, space, partial);
}

/// One warp's width of columns; lane y adds parts y, y + kPartLanes ...
__global__ void add_parts(const float* partial, std::int64_t parts, std::int64_t columns,
                          float* sums) {
  SharedMemory shared;
  float* const space = shared.take<float>(kColumnLanes * kPartLanes);
  const std::int64_t column = std::int64_t{blockIdx.x} * kColumnLanes + threadIdx.x;
  float sum = 0.0F;
  if (column < columns) {
    for (std::int64_t part = threadIdx.y; part < parts; part += kPartLanes) {
      sum += partial[part * columns + column];
    }
  }
  space[threadIdx.y * kColumnLanes + threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y == 0 && column < columns) {
    for (int lane = 1; lane < kPartLanes; ++lane) {
      sum += space[lane * kColumnLanes + static_cast<int>(threadIdx.x)];
    }
    sums[column] += sum;
  }
}

}  // namespace

std::int64_t column_sums_scratch_bytes(std::int64_t rows, std::int64_t columns) {
  return scratch_bytes_of<float>(row_parts(rows) * columns);
}

template <typename T>
void column_sums(const CudaStream& stream, const T* values, std::int64_t rows, std::int64_t columns,
                 float* sums) {
  Scratch scratch(stream, column_sums_scratch_bytes(rows, columns), "column_sums");
  float* const partial = scratch.take<float>(row_parts(rows) * columns);
  with_width<T>(
      columns,
      [&](auto width) {
        constexpr int kWidth = decltype(width)::value;
        launch("sum_parts", sum_parts<kWidth, T>, column_walk_shape<kWidth>(rows, columns), stream,
               values, rows, columns, partial);
      },
      values);
  add_partial_sums(stream, partial, row_parts(rows), columns, sums);
}

void add_partial_sums(const CudaStream& stream, const float* partial, std::int64_t parts,
                      std::int64_t columns, float* sums) {
  launch("add_parts", add_parts,
         {grid_size(quotient_up(columns, kColumnLanes)), dim3(kColumnLanes, kPartLanes),
          shared_bytes_of<float>(kColumnLanes * kPartLanes)},
         stream, partial, parts, columns, sums);
}

template void column_sums(const CudaStream&, const float*, std::int64_t, std::int64_t, float*);
template void column_sums(const CudaStream&, const Bfloat16*, std::int64_t, std::int64_t, float*);
template void column_sums(const CudaStream&, const Float16*, std::int64_t, std::int64_t, float*);

}  // namespace lambert
