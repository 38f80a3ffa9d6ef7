// SPDX-License-Identifier: Apache-2.0
// Private to the .cu files: row_norm.h for a block that holds one row in shared memory. Thread t
// owns columns t * kWidth .. of every blockDim.x * kWidth, so that only sums need barriers. Shared
// memory is read and written in whole packs: one column at a time, the threads of a warp would meet
// in every eighth of its banks.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/cuda_rows.h"
#include "kernels/row_statistics.h"

namespace lambert {

/// Calls work(column) for the first column of each pack that the thread owns.
template <int kWidth, typename Work>
__device__ void for_own_packs(std::int64_t columns, const Work& work) {
  for (std::int64_t c = std::int64_t{threadIdx.x} * kWidth; c < columns;
       c += std::int64_t{blockDim.x} * kWidth) {
    work(c);
  }
}

/// sum: that of the thread's own values. space: one float per warp.
template <int kWidth>
__device__ RowStatistics block_row_statistics(const float* values, float sum, std::int64_t columns,
                                              float epsilon, float* space) {
  const float mean = block_sum(sum, space) / static_cast<float>(columns);
  float squares = 0.0F;
  for_own_packs<kWidth>(columns, [&](std::int64_t c) {
    const Floats<kWidth> own = load<kWidth>(values + c);
    for (int i = 0; i < kWidth; ++i) {
      squares += (own.values[i] - mean) * (own.values[i] - mean);
    }
  });
  const float variance = block_sum(squares, space) / static_cast<float>(columns);
  return {mean, 1.0F / sqrtf(variance + epsilon)};
}

/// The shared memory of a backward pass, (columns) each: a row, and the thread's own sums over the
/// rows of its block.
struct NormBackwardRow {
  float* normalised = nullptr;  // becomes the gradient of the row
  float* above = nullptr;       // gradient of the output
  float* gain_sums = nullptr;
  float* bias_sums = nullptr;
  float* space = nullptr;  // one float per warp
};

/// row_norm_backward() of one row.
template <int kWidth>
__device__ void block_row_norm_backward(const NormBackwardRow& row, const float* gain,
                                        float inverse_deviation, std::int64_t columns) {
  float sum = 0.0F;
  float product_sum = 0.0F;
  for_own_packs<kWidth>(columns, [&](std::int64_t c) {
    const Floats<kWidth> gains = load<kWidth>(gain + c);
    const Floats<kWidth> above = load<kWidth>(row.above + c);
    const Floats<kWidth> normalised = load<kWidth>(row.normalised + c);
    Floats<kWidth> gain_sums = load<kWidth>(row.gain_sums + c);
    Floats<kWidth> bias_sums = load<kWidth>(row.bias_sums + c);
    for (int i = 0; i < kWidth; ++i) {
      const float scaled = above.values[i] * gains.values[i];
      sum += scaled;
      product_sum += scaled * normalised.values[i];
      gain_sums.values[i] += above.values[i] * normalised.values[i];
      bias_sums.values[i] += above.values[i];
    }
    store<kWidth>(row.gain_sums + c, gain_sums);
    store<kWidth>(row.bias_sums + c, bias_sums);
  });
  const float mean = block_sum(sum, row.space) / static_cast<float>(columns);
  const float product_mean = block_sum(product_sum, row.space) / static_cast<float>(columns);
  for_own_packs<kWidth>(columns, [&](std::int64_t c) {
    const Floats<kWidth> gains = load<kWidth>(gain + c);
    const Floats<kWidth> above = load<kWidth>(row.above + c);
    Floats<kWidth> normalised = load<kWidth>(row.normalised + c);
    for (int i = 0; i < kWidth; ++i) {
      normalised.values[i] = inverse_deviation * (above.values[i] * gains.values[i] - mean -
                                                  normalised.values[i] * product_mean);
    }
    store<kWidth>(row.normalised + c, normalised);
  });
}

/// Zeroes the thread's own columns.
template <int kWidth>
__device__ void clear_own(std::int64_t columns, float* sums) {
  for_own_packs<kWidth>(columns,
                        [&](std::int64_t c) { store<kWidth>(sums + c, Floats<kWidth>{}); });
}

/// target[c] = sums[c] for the thread's own columns.
template <int kWidth>
__device__ void store_own(std::int64_t columns, const float* sums, float* target) {
  for_own_packs<kWidth>(columns,
                        [&](std::int64_t c) { store<kWidth>(target + c, load<kWidth>(sums + c)); });
}

/// Blocks of a backward pass; each walks through a part of the rows and leaves partial sums. At
/// most four blocks per multiprocessor of an H100, and eight rows to each: more would only lengthen
/// the sum of the parts.
constexpr std::int64_t norm_parts(std::int64_t rows) {
  return std::clamp((rows + 7) / 8, std::int64_t{1}, std::int64_t{528});
}

}  // namespace lambert
