// SPDX-License-Identifier: Apache-2.0
// LayerNorm of one row in fp32 (Ba et al. 2016), shared by the kernels that end in one. Private to
// kernels/.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/row_statistics.h"

namespace lambert {

inline RowStatistics row_statistics(const float* row, std::int64_t columns, float epsilon) {
  float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t c = 0; c < columns; ++c) {
    sum += row[c];
  }
  const float mean = sum / static_cast<float>(columns);
  float squares = 0.0F;
#pragma omp simd reduction(+ : squares)
  for (std::int64_t c = 0; c < columns; ++c) {
    squares += (row[c] - mean) * (row[c] - mean);
  }
  const float variance = squares / static_cast<float>(columns);
  return {mean, 1.0F / std::sqrt(variance + epsilon)};
}

/// Replaces normalised (x - mean) * inverse_deviation by the gradient of x, from the gradient of
/// the output (both (columns)), and adds to the gradients of gain and bias. dx = inverse_deviation
/// * (g - mean(g) - normalised * mean(g * normalised)) with g = gradient * gain.
inline void row_norm_backward(const float* gradient, const float* gain, float inverse_deviation,
                              std::int64_t columns, float* normalised, float* gain_gradient,
                              float* bias_gradient) {
  float sum = 0.0F;
  float product_sum = 0.0F;
#pragma omp simd reduction(+ : sum, product_sum)
  for (std::int64_t c = 0; c < columns; ++c) {
    const float scaled = gradient[c] * gain[c];
    sum += scaled;
    product_sum += scaled * normalised[c];
    gain_gradient[c] += gradient[c] * normalised[c];
    bias_gradient[c] += gradient[c];
  }
  const float mean = sum / static_cast<float>(columns);
  const float product_mean = product_sum / static_cast<float>(columns);
#pragma omp simd
  for (std::int64_t c = 0; c < columns; ++c) {
    normalised[c] =
        inverse_deviation * (gradient[c] * gain[c] - mean - normalised[c] * product_mean);
  }
}

}  // namespace lambert
