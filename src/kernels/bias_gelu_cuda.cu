// SPDX-License-Identifier: Apache-2.0
#include "kernels/bias_gelu.h"
#include "kernels/column_sums.h"
#include "kernels/cuda_columns.h"
#include "kernels/cuda_scratch.h"
#include "kernels/gelu.h"

namespace lambert {

namespace {

constexpr int kThreads = 256;  // enough warps per multiprocessor to hide the memory's latency

/// packs: elements / kWidth; a thread's columns follow from the pack's number.
template <typename Gelu, int kWidth, typename T>
__global__ void forward(const T* input, const float* bias, std::int64_t packs, std::int64_t columns,
                        T* output) {
  const std::int64_t pack = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (pack >= packs) {
    return;
  }
  const std::int64_t first = pack * kWidth;
  Floats<kWidth> values = load<kWidth>(input + first);
  const Floats<kWidth> shift = load<kWidth>(bias + first % columns);
  for (int i = 0; i < kWidth; ++i) {
    values.values[i] = Gelu::value(values.values[i] + shift.values[i]);
  }
  store<kWidth>(output + first, values);
}

template <typename Gelu, int kWidth, typename T>
__global__ void backward(const T* output_gradient, const T* input, const float* bias,
                         std::int64_t rows, std::int64_t columns, T* input_gradient,
                         float* partial) {
  SharedMemory shared;
  float* const space = shared.take<float>(kColumnLanes * kRowLanes * kWidth);
  const ColumnWalk<kWidth> walk(rows, columns);
  const Floats<kWidth> shift =
      walk.column < columns ? load<kWidth>(bias + walk.column) : Floats<kWidth>{};
  Floats<kWidth> sums{};
  for (std::int64_t row = walk.first_row; row < walk.end_row; row += kRowLanes) {
    const std::int64_t first = row * columns + walk.column;
    const Floats<kWidth> values = load<kWidth>(input + first);
    Floats<kWidth> gradient = load<kWidth>(output_gradient + first);
    for (int i = 0; i < kWidth; ++i) {
      gradient.values[i] *= Gelu::slope(values.values[i] + shift.values[i]);
      sums.values[i] += gradient.values[i];
    }
    store<kWidth>(input_gradient + first, gradient);
  }
  walk.store_sums(sums, space, partial);
}

template <typename Gelu, typename T>
void launch_forward(const CudaStream& stream, const T* input, const float* bias, std::int64_t rows,
                    std::int64_t columns, T* output) {
  with_width<T>(
      columns,
      [&](auto width) {
        constexpr int kWidth = decltype(width)::value;
        const std::int64_t packs = rows * columns / kWidth;
        launch("bias_gelu_forward", forward<Gelu, kWidth, T>,
               {grid_size(quotient_up(packs, kThreads)), kThreads}, stream, input, bias, packs,
               columns, output);
      },
      input, bias, output);
}

template <typename Gelu, typename T>
void launch_backward(const CudaStream& stream, const T* output_gradient, const T* input,
                     const float* bias, std::int64_t rows, std::int64_t columns, T* input_gradient,
                     float* partial) {
  with_width<T>(
      columns,
      [&](auto width) {
        constexpr int kWidth = decltype(width)::value;
        launch("bias_gelu_backward", backward<Gelu, kWidth, T>,
               column_walk_shape<kWidth>(rows, columns), stream, output_gradient, input, bias, rows,
               columns, input_gradient, partial);
      },
      output_gradient, input, bias, input_gradient);
}

}  // namespace

template <typename T>
void bias_gelu_forward(const CudaStream& stream, GeluForm form, const T* input, const float* bias,
                       std::int64_t rows, std::int64_t columns, T* output) {
  if (form == GeluForm::erf) {
    launch_forward<ErfGelu<DeviceMath>>(stream, input, bias, rows, columns, output);
  } else {
    launch_forward<TanhGelu<DeviceMath>>(stream, input, bias, rows, columns, output);
  }
}

template <typename T>
void bias_gelu_backward(const CudaStream& stream, GeluForm form, const T* output_gradient,
                        const T* input, const float* bias, std::int64_t rows, std::int64_t columns,
                        T* input_gradient, float* bias_gradient) {
  Scratch scratch(stream, column_sums_scratch_bytes(rows, columns), "bias_gelu_backward");
  float* const partial = scratch.take<float>(row_parts(rows) * columns);
  if (form == GeluForm::erf) {
    launch_backward<ErfGelu<DeviceMath>>(stream, output_gradient, input, bias, rows, columns,
                                         input_gradient, partial);
  } else {
    launch_backward<TanhGelu<DeviceMath>>(stream, output_gradient, input, bias, rows, columns,
                                          input_gradient, partial);
  }
  add_partial_sums(stream, partial, row_parts(rows), columns, bias_gradient);
}

template void bias_gelu_forward(const CudaStream&, GeluForm, const float*, const float*,
                                std::int64_t, std::int64_t, float*);
template void bias_gelu_forward(const CudaStream&, GeluForm, const Bfloat16*, const float*,
                                std::int64_t, std::int64_t, Bfloat16*);
template void bias_gelu_forward(const CudaStream&, GeluForm, const Float16*, const float*,
                                std::int64_t, std::int64_t, Float16*);
template void bias_gelu_backward(const CudaStream&, GeluForm, const float*, const float*,
                                 const float*, std::int64_t, std::int64_t, float*, float*);
template void bias_gelu_backward(const CudaStream&, GeluForm, const Bfloat16*, const Bfloat16*,
                                 const float*, std::int64_t, std::int64_t, Bfloat16*, float*);
template void bias_gelu_backward(const CudaStream&, GeluForm, const Float16*, const Float16*,
                                 const float*, std::int64_t, std::int64_t, Float16*, float*);

}  // namespace lambert
