// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels/column_sums.h"
#include "kernels/dropout_residual_norm.h"
#include "kernels/element.h"
#include "kernels/parallel.h"
#include "kernels/row_norm.h"
#include "kernels/work_space.h"

namespace lambert {

namespace {

/// multipliers may be nullptr.
void multiply_row(const float* multipliers, std::int64_t columns, float* values) {
  if (multipliers != nullptr) {
#pragma omp simd
    for (std::int64_t c = 0; c < columns; ++c) {
      values[c] *= multipliers[c];
    }
  }
}

/// target may be nullptr.
template <typename T>
void store_row(const float* values, std::int64_t columns, T* target) {
  if (target != nullptr) {
#pragma omp simd
    for (std::int64_t c = 0; c < columns; ++c) {
      target[c] = from_float<T>(values[c]);
    }
  }
}

/// values += bias, times the dropout multipliers, plus the residual.
template <typename T>
void add_row(const float* multipliers, const float* bias, const T* input, const T* residual,
             std::int64_t columns, float* values) {
#pragma omp simd
  for (std::int64_t c = 0; c < columns; ++c) {
    values[c] = to_float(input[c]);
  }
  if (bias != nullptr) {
#pragma omp simd
    for (std::int64_t c = 0; c < columns; ++c) {
      values[c] += bias[c];
    }
  }
  multiply_row(multipliers, columns, values);
  if (residual != nullptr) {
#pragma omp simd
    for (std::int64_t c = 0; c < columns; ++c) {
      values[c] += to_float(residual[c]);
    }
  }
}

/// The multipliers of one row of a hidden tensor, in `space`, or nullptr without dropout.
const float* row_multipliers(const DropoutMask& mask, const HiddenShape& shape, std::int64_t row,
                             float* space) {
  if (!mask.is_active()) {
    return nullptr;
  }
  dropout_multipliers(mask, shape.layout.sample_of[row],
                      static_cast<std::uint32_t>(shape.layout.position_of[row]), shape.columns,
                      space);
  return space;
}

}  // namespace

template <typename T>
void dropout_residual_norm_forward(const HiddenShape& shape, const DropoutMask& mask,
                                   const NormWeights& norm, const float* input_bias,
                                   const T* residual, T* sum, T* output, float* mean,
                                   float* inverse_deviation) {
  const std::int64_t columns = shape.columns;
  on_every_thread([&](int thread, int threads) {
    float* const values = work_space<float, 0>(2 * columns);
    const Range range = part_of(shape.rows(), thread, threads);
    for (std::int64_t row = range.begin; row < range.end; ++row) {
      T* const sum_row = sum + row * columns;
      T* const output_row = output + row * columns;
      add_row(row_multipliers(mask, shape, row, values + columns), input_bias, sum_row,
              residual == nullptr ? nullptr : residual + row * columns, columns, values);
      const RowStatistics statistics = row_statistics(values, columns, norm.epsilon);
      mean[row] = statistics.mean;
      inverse_deviation[row] = statistics.inverse_deviation;
#pragma omp simd
      for (std::int64_t c = 0; c < columns; ++c) {
        const float normalised = (values[c] - statistics.mean) * statistics.inverse_deviation;
        sum_row[c] = from_float<T>(values[c]);
        output_row[c] = from_float<T>(normalised * norm.gain[c] + norm.bias[c]);
      }
    }
  });
}

template <typename T>
void dropout_residual_norm_backward(const HiddenShape& shape, const DropoutMask& mask,
                                    const NormWeights& norm, const T* output_gradient, const T* sum,
                                    const float* mean, const float* inverse_deviation,
                                    T* input_gradient, T* residual_gradient,
                                    const NormGradients& gradients) {
  const std::int64_t columns = shape.columns;
  const std::int64_t parts = thread_count();
  const std::int64_t part_size = parts * columns;
  float* const gain_partial = work_space<float, 1>(3 * part_size);
  float* const bias_partial = gain_partial + part_size;
  float* const input_bias_partial = bias_partial + part_size;
  on_every_thread([&](int thread, int threads) {
    float* const normalised = work_space<float, 0>(3 * columns);
    float* const above = normalised + columns;
    float* const gain_sums = gain_partial + columns * thread;
    float* const bias_sums = bias_partial + columns * thread;
    float* const input_bias_sums = input_bias_partial + columns * thread;
    for (float* const sums : {gain_sums, bias_sums, input_bias_sums}) {
      std::fill_n(sums, columns, 0.0F);
    }
    const Range range = part_of(shape.rows(), thread, threads);
    for (std::int64_t row = range.begin; row < range.end; ++row) {
      const T* const sum_row = sum + row * columns;
      const T* const gradient_row = output_gradient + row * columns;
      const float row_mean = mean[row];
      const float row_scale = inverse_deviation[row];
#pragma omp simd
      for (std::int64_t c = 0; c < columns; ++c) {
        normalised[c] = (to_float(sum_row[c]) - row_mean) * row_scale;
        above[c] = to_float(gradient_row[c]);
      }
      row_norm_backward(above, norm.gain, row_scale, columns, normalised, gain_sums, bias_sums);
      store_row(normalised, columns,
                residual_gradient == nullptr ? nullptr : residual_gradient + row * columns);
      multiply_row(row_multipliers(mask, shape, row, above + columns), columns, normalised);
      T* const target = input_gradient + row * columns;
#pragma omp simd
      for (std::int64_t c = 0; c < columns; ++c) {
        input_bias_sums[c] += normalised[c];
        target[c] = from_float<T>(normalised[c]);
      }
    }
  });
  add_partial_sums(gain_partial, parts, columns, gradients.gain);
  add_partial_sums(bias_partial, parts, columns, gradients.bias);
  if (gradients.input_bias != nullptr) {
    add_partial_sums(input_bias_partial, parts, columns, gradients.input_bias);
  }
}

template void dropout_residual_norm_forward(const HiddenShape&, const DropoutMask&,
                                            const NormWeights&, const float*, const float*, float*,
                                            float*, float*, float*);
template void dropout_residual_norm_forward(const HiddenShape&, const DropoutMask&,
                                            const NormWeights&, const float*, const Bfloat16*,
                                            Bfloat16*, Bfloat16*, float*, float*);
template void dropout_residual_norm_forward(const HiddenShape&, const DropoutMask&,
                                            const NormWeights&, const float*, const Float16*,
                                            Float16*, Float16*, float*, float*);
template void dropout_residual_norm_backward(const HiddenShape&, const DropoutMask&,
                                             const NormWeights&, const float*, const float*,
                                             const float*, const float*, float*, float*,
                                             const NormGradients&);
template void dropout_residual_norm_backward(const HiddenShape&, const DropoutMask&,
                                             const NormWeights&, const Bfloat16*, const Bfloat16*,
                                             const float*, const float*, Bfloat16*, Bfloat16*,
                                             const NormGradients&);
template void dropout_residual_norm_backward(const HiddenShape&, const DropoutMask&,
                                             const NormWeights&, const Float16*, const Float16*,
                                             const float*, const float*, Float16*, Float16*,
                                             const NormGradients&);

}  // namespace lambert
