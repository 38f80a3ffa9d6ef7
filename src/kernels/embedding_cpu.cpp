// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "kernels/column_sums.h"
#include "kernels/element.h"
#include "kernels/embedding.h"
#include "kernels/parallel.h"
#include "kernels/row_norm.h"
#include "kernels/work_space.h"

namespace lambert {

namespace {

template <typename T>
void sum_of_embeddings(const HiddenShape& shape, const EmbeddingLookup<T>& lookup, std::int64_t row,
                       float* values) {
  const std::int64_t columns = shape.columns;
  const T* const word = lookup.words + lookup.input_ids[row] * columns;
  const T* const position = lookup.positions + shape.layout.position_of[row] * columns;
  const T* const type = lookup.token_types + lookup.token_type_ids[row] * columns;
#pragma omp simd
  for (std::int64_t c = 0; c < columns; ++c) {
    values[c] = to_float(word[c]) + to_float(position[c]) + to_float(type[c]);
  }
}

void multipliers_of(const DropoutMask& mask, const HiddenShape& shape, std::int64_t row,
                    float* multipliers) {
  dropout_multipliers(mask, shape.layout.sample_of[row],
                      static_cast<std::uint32_t>(shape.layout.position_of[row]), shape.columns,
                      multipliers);
}

/// Each thread owns a slice of the columns of every table and walks through all rows in order, so
/// the sums do not depend on the thread count. row_gradients: (T, H).
template <typename T>
void scatter(const HiddenShape& shape, const EmbeddingLookup<T>& lookup, const float* row_gradients,
             const EmbeddingGradients& gradients) {
  const std::int64_t columns = shape.columns;
  on_every_thread([&](int thread, int threads) {
    const Range range = part_of(columns, thread, threads);
    for (std::int64_t row = 0; row < shape.rows(); ++row) {
      const float* const source = row_gradients + row * columns;
      float* const word = gradients.words + lookup.input_ids[row] * columns;
      float* const position = gradients.positions + shape.layout.position_of[row] * columns;
      float* const type = gradients.token_types + lookup.token_type_ids[row] * columns;
#pragma omp simd
      for (std::int64_t c = range.begin; c < range.end; ++c) {
        word[c] += source[c];
        position[c] += source[c];
        type[c] += source[c];
      }
    }
  });
}

}  // namespace

template <typename T>
void embedding_forward(const HiddenShape& shape, const DropoutMask& mask, const NormWeights& norm,
                       const EmbeddingLookup<T>& lookup, T* output, float* mean,
                       float* inverse_deviation) {
  const std::int64_t columns = shape.columns;
  on_every_thread([&](int thread, int threads) {
    float* const values = work_space<float, 0>(2 * columns);
    float* const multipliers = values + columns;
    const Range range = part_of(shape.rows(), thread, threads);
    for (std::int64_t row = range.begin; row < range.end; ++row) {
      T* const output_row = output + row * columns;
      sum_of_embeddings(shape, lookup, row, values);
      const RowStatistics statistics = row_statistics(values, columns, norm.epsilon);
      mean[row] = statistics.mean;
      inverse_deviation[row] = statistics.inverse_deviation;
      multipliers_of(mask, shape, row, multipliers);
#pragma omp simd
      for (std::int64_t c = 0; c < columns; ++c) {
        const float normalised = (values[c] - statistics.mean) * statistics.inverse_deviation;
        output_row[c] = from_float<T>((normalised * norm.gain[c] + norm.bias[c]) * multipliers[c]);
      }
    }
  });
}

template <typename T>
void embedding_backward(const HiddenShape& shape, const DropoutMask& mask, const NormWeights& norm,
                        const EmbeddingLookup<T>& lookup, const T* output_gradient,
                        const float* mean, const float* inverse_deviation,
                        const EmbeddingGradients& gradients) {
  const std::int64_t columns = shape.columns;
  const std::int64_t parts = thread_count();
  float* const row_gradients = work_space<float, 2>(shape.rows() * columns);
  float* const gain_partial = work_space<float, 1>(2 * columns * parts);
  float* const bias_partial = gain_partial + columns * parts;
  on_every_thread([&](int thread, int threads) {
    float* const above = work_space<float, 0>(columns);
    float* const gain_sums = gain_partial + columns * thread;
    float* const bias_sums = bias_partial + columns * thread;
    std::fill_n(gain_sums, columns, 0.0F);
    std::fill_n(bias_sums, columns, 0.0F);
    const Range range = part_of(shape.rows(), thread, threads);
    for (std::int64_t row = range.begin; row < range.end; ++row) {
      const T* const gradient_row = output_gradient + row * columns;
      float* const values = row_gradients + row * columns;
      sum_of_embeddings(shape, lookup, row, values);
      multipliers_of(mask, shape, row, above);
#pragma omp simd
      for (std::int64_t c = 0; c < columns; ++c) {
        values[c] = (values[c] - mean[row]) * inverse_deviation[row];
        above[c] *= to_float(gradient_row[c]);
      }
      row_norm_backward(above, norm.gain, inverse_deviation[row], columns, values, gain_sums,
                        bias_sums);
    }
  });
  scatter(shape, lookup, row_gradients, gradients);
  add_partial_sums(gain_partial, parts, columns, gradients.gain);
  add_partial_sums(bias_partial, parts, columns, gradients.bias);
}

std::vector<std::int32_t> stable_order(std::span<const std::int32_t> ids) {
  const std::int32_t largest = ids.empty() ? 0 : *std::max_element(ids.begin(), ids.end());
  // By id: where its next row goes.
  std::vector<std::int32_t> places(static_cast<std::size_t>(largest) + 2);
  for (const std::int32_t id : ids) {
    ++places[static_cast<std::size_t>(id) + 1];
  }
  std::partial_sum(places.begin(), places.end(), places.begin());
  std::vector<std::int32_t> order(ids.size());
  for (std::size_t row = 0; row < ids.size(); ++row) {
    std::int32_t& place = places[static_cast<std::size_t>(ids[row])];
    order[static_cast<std::size_t>(place++)] = static_cast<std::int32_t>(row);
  }
  return order;
}

template void embedding_forward(const HiddenShape&, const DropoutMask&, const NormWeights&,
                                const EmbeddingLookup<float>&, float*, float*, float*);
template void embedding_forward(const HiddenShape&, const DropoutMask&, const NormWeights&,
                                const EmbeddingLookup<Bfloat16>&, Bfloat16*, float*, float*);
template void embedding_forward(const HiddenShape&, const DropoutMask&, const NormWeights&,
                                const EmbeddingLookup<Float16>&, Float16*, float*, float*);
template void embedding_backward(const HiddenShape&, const DropoutMask&, const NormWeights&,
                                 const EmbeddingLookup<float>&, const float*, const float*,
                                 const float*, const EmbeddingGradients&);
template void embedding_backward(const HiddenShape&, const DropoutMask&, const NormWeights&,
                                 const EmbeddingLookup<Bfloat16>&, const Bfloat16*, const float*,
                                 const float*, const EmbeddingGradients&);
template void embedding_backward(const HiddenShape&, const DropoutMask&, const NormWeights&,
                                 const EmbeddingLookup<Float16>&, const Float16*, const float*,
                                 const float*, const EmbeddingGradients&);

}  // namespace lambert
