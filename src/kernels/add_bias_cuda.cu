// SPDX-License-Identifier: Apache-2.0
#include "kernels/add_bias.h"
#include "kernels/cuda_rows.h"

namespace lambert {

namespace {

/// A block per row.
template <int kWidth, typename T>
__global__ void add(const float* bias, std::int64_t columns, std::int64_t row_stride, T* values) {
  T* const row = values + blockIdx.x * row_stride;
  for (std::int64_t c = std::int64_t{threadIdx.x} * kWidth; c < columns;
       c += std::int64_t{blockDim.x} * kWidth) {
    Floats<kWidth> sums = load<kWidth>(row + c);
    const Floats<kWidth> shift = load<kWidth>(bias + c);
    for (int i = 0; i < kWidth; ++i) {
      sums.values[i] += shift.values[i];
    }
    store<kWidth>(row + c, sums);
  }
}

}  // namespace

template <typename T>
void add_bias(const CudaStream& stream, const float* bias, std::int64_t rows, std::int64_t columns,
              std::int64_t row_stride, T* values) {
  // A second row must begin at a multiple of 16 bytes, too.
  const T* const second_row = values + row_stride;
  with_width<T>(
      columns,
      [&](auto width) {
        constexpr int kWidth = decltype(width)::value;
        launch("add_bias", add<kWidth, T>, {grid_size(rows), row_threads(columns, kWidth)}, stream,
               bias, columns, row_stride, values);
      },
      bias, values, second_row);
}

template void add_bias(const CudaStream&, const float*, std::int64_t, std::int64_t, std::int64_t,
                       float*);
template void add_bias(const CudaStream&, const float*, std::int64_t, std::int64_t, std::int64_t,
                       Bfloat16*);
template void add_bias(const CudaStream&, const float*, std::int64_t, std::int64_t, std::int64_t,
                       Float16*);

}  // namespace lambert
