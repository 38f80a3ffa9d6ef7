// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/attention.h"
#include "kernels/element.h"
#include "kernels/matmul.h"
#include "kernels/parallel.h"
#include "kernels/vector_math.h"

namespace lambert {

namespace {

/// One (sample, head): where its tiles start, and how many keys are looked at.
struct Tile {
  std::int64_t sample = 0;
  std::int64_t head = 0;
  std::int64_t offset = 0;  // of its first element in a (B * S, H) tensor
  std::int64_t length = 0;  // unmasked keys
  std::int64_t keys = 0;    // length rounded up to limit the number of matmul shapes, at most S
  float scale = 0.0F;       // 1 / sqrt(head_size)
};

constexpr std::int64_t kKeyRounding = 16;

Tile tile_of(const AttentionShape& shape, std::int64_t index) {
  Tile tile;
  tile.sample = index / shape.heads;
  tile.head = index % shape.heads;
  tile.offset =
      tile.sample * shape.sequence_length * shape.hidden_size() + tile.head * shape.head_size;
  tile.length = std::clamp<std::int64_t>(shape.lengths[tile.sample], 1, shape.sequence_length);
  tile.keys = std::min((tile.length + kKeyRounding - 1) / kKeyRounding * kKeyRounding,
                       shape.sequence_length);
  tile.scale = 1.0F / std::sqrt(static_cast<float>(shape.head_size));
  return tile;
}

std::uint32_t dropout_row(const Tile& tile, std::int64_t query) {
  return static_cast<std::uint32_t>(tile.head * 65536 + query);
}

/// Row by row: scores become probabilities with dropout, in `dropped`. Returns log(sum(exp(scaled
/// scores))).
template <typename T>
float softmax_row(float* scores, const float* multipliers, const Tile& tile, T* dropped) {
  float largest = scores[0];
#pragma omp simd reduction(max : largest)
  for (std::int64_t k = 0; k < tile.length; ++k) {
    largest = scores[k] > largest ? scores[k] : largest;
  }
  const float scale = tile.scale;
  float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t k = 0; k < tile.length; ++k) {
    scores[k] = vector_exp(scale * (scores[k] - largest));
    sum += scores[k];
  }
  const float inverse = 1.0F / sum;
#pragma omp simd
  for (std::int64_t k = 0; k < tile.length; ++k) {
    dropped[k] = from_float<T>(scores[k] * inverse * multipliers[k]);
  }
  std::fill(dropped + tile.length, dropped + tile.keys, T{});
  return scale * largest + std::log(sum);
}

/// scores: raw scores; dropped_gradient: gradient of the dropped probabilities. Writes the dropped
/// probabilities and the gradient of the raw scores: scale * p * (g - sum(p * g)), g =
/// dropped_gradient * multiplier.
template <typename T>
void softmax_row_backward(float* scores, float* dropped_gradient, const float* multipliers,
                          float log_sum, const Tile& tile, T* dropped, T* score_gradient) {
  const float scale = tile.scale;
  float product_sum = 0.0F;
#pragma omp simd reduction(+ : product_sum)
  for (std::int64_t k = 0; k < tile.length; ++k) {
    const float probability = vector_exp(scale * scores[k] - log_sum);
    const float gradient = dropped_gradient[k] * multipliers[k];
    scores[k] = probability;
    dropped_gradient[k] = gradient;
    product_sum += probability * gradient;
    dropped[k] = from_float<T>(probability * multipliers[k]);
  }
#pragma omp simd
  for (std::int64_t k = 0; k < tile.length; ++k) {
    score_gradient[k] = from_float<T>(scale * scores[k] * (dropped_gradient[k] - product_sum));
  }
  std::fill(dropped + tile.length, dropped + tile.keys, T{});
  std::fill(score_gradient + tile.length, score_gradient + tile.keys, T{});
}

template <typename T>
Matrix rows_of(const AttentionShape& shape, const Tile& tile, const T* tensor, std::int64_t rows) {
  return matrix(tensor + tile.offset, rows, shape.head_size, shape.hidden_size());
}

template <typename T>
MutableMatrix mutable_rows_of(const AttentionShape& shape, const Tile& tile, T* tensor,
                              std::int64_t rows) {
  return mutable_matrix(tensor + tile.offset, rows, shape.head_size, shape.hidden_size());
}

/// Masked keys beyond the rounded length took part in no product; their gradients are zero.
template <typename T>
void clear_rows(const AttentionShape& shape, const Tile& tile, T* tensor) {
  for (std::int64_t row = tile.keys; row < shape.sequence_length; ++row) {
    std::fill_n(tensor + tile.offset + row * shape.hidden_size(), shape.head_size, T{});
  }
}

std::size_t space_size(const AttentionShape& shape) {
  return static_cast<std::size_t>(shape.sequence_length * shape.sequence_length * thread_count());
}

}  // namespace

template <typename T>
void attention_forward(const AttentionShape& shape, const DropoutMask& mask, const T* query,
                       const T* key, const T* value, T* output, float* log_sums) {
  const std::int64_t length = shape.sequence_length;
  std::vector<float> score_space(space_size(shape));
  std::vector<T> dropped_space(space_size(shape));
  std::vector<float> multiplier_space(static_cast<std::size_t>(length * thread_count()), 1.0F);
  on_every_thread([&](int thread, int threads) {
    float* const scores = score_space.data() + thread * length * length;
    T* const dropped = dropped_space.data() + thread * length * length;
    float* const multipliers = multiplier_space.data() + thread * length;
    const Range range = part_of(shape.samples * shape.heads, thread, threads);
    for (std::int64_t index = range.begin; index < range.end; ++index) {
      const Tile tile = tile_of(shape, index);
      matmul(rows_of(shape, tile, query, length), rows_of(shape, tile, key, tile.keys).transposed(),
             mutable_matrix(scores, length, tile.keys));
      for (std::int64_t row = 0; row < length; ++row) {
        dropout_multipliers(mask, tile.sample, dropout_row(tile, row), tile.keys, multipliers);
        log_sums[index * length + row] =
            softmax_row(scores + row * tile.keys, multipliers, tile, dropped + row * tile.keys);
      }
      matmul(matrix(dropped, length, tile.keys), rows_of(shape, tile, value, tile.keys),
             mutable_rows_of(shape, tile, output, length));
    }
  });
}

template <typename T>
void attention_backward(const AttentionShape& shape, const DropoutMask& mask, const T* query,
                        const T* key, const T* value, const float* log_sums,
                        const T* output_gradient, T* query_gradient, T* key_gradient,
                        T* value_gradient) {
  const std::int64_t length = shape.sequence_length;
  const std::int64_t square = length * length;
  std::vector<float> float_space(2 * space_size(shape));
  std::vector<T> element_space(2 * space_size(shape));
  std::vector<float> multiplier_space(static_cast<std::size_t>(length * thread_count()), 1.0F);
  on_every_thread([&](int thread, int threads) {
    float* const scores = float_space.data() + 2 * thread * square;
    float* const dropped_gradient = scores + square;
    T* const dropped = element_space.data() + 2 * thread * square;
    T* const score_gradient = dropped + square;
    float* const multipliers = multiplier_space.data() + thread * length;
    const Range range = part_of(shape.samples * shape.heads, thread, threads);
    for (std::int64_t index = range.begin; index < range.end; ++index) {
      const Tile tile = tile_of(shape, index);
      const Matrix queries = rows_of(shape, tile, query, length);
      const Matrix keys = rows_of(shape, tile, key, tile.keys);
      const Matrix above = rows_of(shape, tile, output_gradient, length);
      matmul(queries, keys.transposed(), mutable_matrix(scores, length, tile.keys));
      matmul(above, rows_of(shape, tile, value, tile.keys).transposed(),
             mutable_matrix(dropped_gradient, length, tile.keys));
      for (std::int64_t row = 0; row < length; ++row) {
        const std::int64_t start = row * tile.keys;
        dropout_multipliers(mask, tile.sample, dropout_row(tile, row), tile.keys, multipliers);
        softmax_row_backward(scores + start, dropped_gradient + start, multipliers,
                             log_sums[index * length + row], tile, dropped + start,
                             score_gradient + start);
      }
      const Matrix probabilities = matrix(dropped, length, tile.keys);
      const Matrix score_gradients = matrix(score_gradient, length, tile.keys);
      matmul(probabilities.transposed(), above,
             mutable_rows_of(shape, tile, value_gradient, tile.keys));
      matmul(score_gradients, keys, mutable_rows_of(shape, tile, query_gradient, length));
      matmul(score_gradients.transposed(), queries,
             mutable_rows_of(shape, tile, key_gradient, tile.keys));
      clear_rows(shape, tile, key_gradient);
      clear_rows(shape, tile, value_gradient);
    }
  });
}

template void attention_forward(const AttentionShape&, const DropoutMask&, const float*,
                                const float*, const float*, float*, float*);
template void attention_forward(const AttentionShape&, const DropoutMask&, const Bfloat16*,
                                const Bfloat16*, const Bfloat16*, Bfloat16*, float*);
template void attention_backward(const AttentionShape&, const DropoutMask&, const float*,
                                 const float*, const float*, const float*, const float*, float*,
                                 float*, float*);
template void attention_backward(const AttentionShape&, const DropoutMask&, const Bfloat16*,
                                 const Bfloat16*, const Bfloat16*, const float*, const Bfloat16*,
                                 Bfloat16*, Bfloat16*, Bfloat16*);

}  // namespace lambert
