// SPDX-License-Identifier: Apache-2.0
#include "kernels/add_bias.h"
#include "kernels/cuda_rows.h"

namespace lambert {

namespace {

constexpr int kThreads = 256;

template <typename T>
__global__ void add(const float* bias, std::int64_t elements, std::int64_t columns,
                    std::int64_t row_stride, T* values) {
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (index < elements) {
    T& value = values[index / columns * row_stride + index % columns];
    value = from_float<T>(to_float(value) + bias[index % columns]);
  }
}

}  // namespace

template <typename T>
void add_bias(const CudaStream& stream, const float* bias, std::int64_t rows, std::int64_t columns,
              std::int64_t row_stride, T* values) {
  launch("add_bias", add<T>, {grid_size(quotient_up(rows * columns, kThreads)), kThreads}, stream,
         bias, rows * columns, columns, row_stride, values);
}

template void add_bias(const CudaStream&, const float*, std::int64_t, std::int64_t, std::int64_t,
                       float*);
template void add_bias(const CudaStream&, const float*, std::int64_t, std::int64_t, std::int64_t,
                       Bfloat16*);
template void add_bias(const CudaStream&, const float*, std::int64_t, std::int64_t, std::int64_t,
                       Float16*);

}  // namespace lambert
