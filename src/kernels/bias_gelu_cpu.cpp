// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels/bias_gelu.h"
#include "kernels/column_sums.h"
#include "kernels/element.h"
#include "kernels/gelu.h"
#include "kernels/parallel.h"
#include "kernels/work_space.h"

namespace lambert {

namespace {

template <typename Gelu, typename T>
void forward(const T* input, const float* bias, std::int64_t rows, std::int64_t columns,
             T* output) {
  on_every_thread([&](int thread, int threads) {
    const Range range = part_of(rows, thread, threads);
    for (std::int64_t row = range.begin; row < range.end; ++row) {
      const T* const source = input + row * columns;
      T* const target = output + row * columns;
#pragma omp simd
      for (std::int64_t c = 0; c < columns; ++c) {
        target[c] = from_float<T>(Gelu::value(to_float(source[c]) + bias[c]));
      }
    }
  });
}

template <typename Gelu, typename T>
void backward(const T* output_gradient, const T* input, const float* bias, std::int64_t rows,
              std::int64_t columns, T* input_gradient, float* bias_gradient) {
  const int parts = thread_count();
  float* const partial = work_space<float, 0>(parts * columns);
  on_every_thread([&](int thread, int threads) {
    const Range range = part_of(rows, thread, threads);
    float* const own = partial + thread * columns;
    std::fill_n(own, columns, 0.0F);
    for (std::int64_t row = range.begin; row < range.end; ++row) {
      const T* const source = input + row * columns;
      const T* const above = output_gradient + row * columns;
      T* const target = input_gradient + row * columns;
#pragma omp simd
      for (std::int64_t c = 0; c < columns; ++c) {
        const float gradient = to_float(above[c]) * Gelu::slope(to_float(source[c]) + bias[c]);
        own[c] += gradient;
        target[c] = from_float<T>(gradient);
      }
    }
  });
  add_partial_sums(partial, parts, columns, bias_gradient);
}

}  // namespace

template <typename T>
void bias_gelu_forward(GeluForm form, const T* input, const float* bias, std::int64_t rows,
                       std::int64_t columns, T* output) {
  if (form == GeluForm::erf) {
    forward<ErfGelu<PortableMath>>(input, bias, rows, columns, output);
  } else {
    forward<TanhGelu<PortableMath>>(input, bias, rows, columns, output);
  }
}

template <typename T>
void bias_gelu_backward(GeluForm form, const T* output_gradient, const T* input, const float* bias,
                        std::int64_t rows, std::int64_t columns, T* input_gradient,
                        float* bias_gradient) {
  if (form == GeluForm::erf) {
    backward<ErfGelu<PortableMath>>(output_gradient, input, bias, rows, columns, input_gradient,
                                    bias_gradient);
  } else {
    backward<TanhGelu<PortableMath>>(output_gradient, input, bias, rows, columns, input_gradient,
                                     bias_gradient);
  }
}

template void bias_gelu_forward(GeluForm, const float*, const float*, std::int64_t, std::int64_t,
                                float*);
template void bias_gelu_forward(GeluForm, const Bfloat16*, const float*, std::int64_t, std::int64_t,
                                Bfloat16*);
template void bias_gelu_forward(GeluForm, const Float16*, const float*, std::int64_t, std::int64_t,
                                Float16*);
template void bias_gelu_backward(GeluForm, const float*, const float*, const float*, std::int64_t,
                                 std::int64_t, float*, float*);
template void bias_gelu_backward(GeluForm, const Bfloat16*, const Bfloat16*, const float*,
                                 std::int64_t, std::int64_t, Bfloat16*, float*);
template void bias_gelu_backward(GeluForm, const Float16*, const Float16*, const float*,
                                 std::int64_t, std::int64_t, Float16*, float*);

}  // namespace lambert
