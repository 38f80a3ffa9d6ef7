// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "kernels/attention.h"
#include "kernels/element.h"
#include "kernels/matmul.h"
#include "kernels/parallel.h"
#include "kernels/vector_math.h"
#include "kernels/work_space.h"

namespace lambert {

namespace {

/// One (sample, head). Its rows are rounded up to limit the number of matmul shapes: the matmuls
/// read the first rows of the next sample, whose products are thrown away.
struct Tile {
  std::int64_t sample = 0;
  std::int64_t head = 0;
  std::int64_t first_row = 0;  // of the sample in a (T, H) tensor
  std::int64_t length = 0;     // tokens of the sample
  std::int64_t rows = 0;       // length rounded up, within the tensor
  float scale = 0.0F;          // 1 / sqrt(head_size)
};

constexpr std::int64_t kRounding = 16;

std::int64_t rounded(std::int64_t length) {
  return (length + kRounding - 1) / kRounding * kRounding;
}

Tile tile_of(const AttentionShape& shape, std::int64_t index) {
  const TokenLayout& layout = shape.layout;
  Tile tile;
  tile.sample = index / shape.heads;
  tile.head = index % shape.heads;
  tile.first_row = layout.starts[tile.sample];
  tile.length = layout.length_of(tile.sample);
  tile.rows = std::min(rounded(tile.length), layout.rows - tile.first_row);
  tile.scale = 1.0F / std::sqrt(static_cast<float>(shape.head_size));
  return tile;
}

/// Of the longest sample, rounded up.
std::int64_t most_rows(const TokenLayout& layout) {
  std::int64_t longest = 0;
  for (std::int64_t sample = 0; sample < layout.samples; ++sample) {
    longest = std::max(longest, layout.length_of(sample));
  }
  return rounded(longest);
}

/// Part `part` of `parts` of all tiles, nearly equal in work, which grows with the square of the
/// length and with the length.
Range tiles_of_part(const AttentionShape& shape, int part, int parts) {
  const TokenLayout& layout = shape.layout;
  const auto work_of = [&](std::int64_t sample) {
    const std::int64_t length = layout.length_of(sample);
    return length * (length + shape.head_size);
  };
  std::int64_t total = 0;
  for (std::int64_t sample = 0; sample < layout.samples; ++sample) {
    total += work_of(sample) * shape.heads;
  }
  const auto boundary = [&](std::int64_t target) {
    std::int64_t sample = 0;
    while (sample < layout.samples && work_of(sample) * shape.heads <= target) {
      target -= work_of(sample) * shape.heads;
      ++sample;
    }
    return sample * shape.heads + (sample == layout.samples ? 0 : target / work_of(sample));
  };
  return {boundary(total / parts * part),
          part + 1 == parts ? layout.samples * shape.heads : boundary(total / parts * (part + 1))};
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
  std::fill(dropped + tile.length, dropped + tile.rows, T{});
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
  std::fill(dropped + tile.length, dropped + tile.rows, T{});
  std::fill(score_gradient + tile.length, score_gradient + tile.rows, T{});
}

template <typename T>
Matrix rows_of(const AttentionShape& shape, const Tile& tile, AttentionPart part, const T* tensor) {
  return matrix(tensor + shape.offset_of(part, tile.first_row, tile.head), tile.rows,
                shape.head_size, shape.stride_of(part));
}

/// The part's rows of the tile = left right, without touching the next sample's. space: (rows,
/// head_size).
template <typename T>
void multiply_into_rows(const AttentionShape& shape, const Tile& tile, const Matrix& left,
                        const Matrix& right, AttentionPart part, T* tensor, T* space) {
  T* const target = tensor + shape.offset_of(part, tile.first_row, tile.head);
  const std::int64_t stride = shape.stride_of(part);
  if (tile.rows == tile.length) {
    matmul(left, right, mutable_matrix(target, tile.rows, shape.head_size, stride));
    return;
  }
  matmul(left, right, mutable_matrix(space, tile.rows, shape.head_size));
  for (std::int64_t row = 0; row < tile.length; ++row) {
    std::copy_n(space + row * shape.head_size, shape.head_size, target + row * stride);
  }
}

/// The rows of no sample become zero.
template <typename T>
void clear_rest(const TokenLayout& layout, std::int64_t columns, T* tensor) {
  std::fill(tensor + layout.starts[layout.samples] * columns, tensor + layout.rows * columns, T{});
}

/// Rows of a tile that belong to the next sample take part in no result.
template <typename T>
void clear_rounding(const Tile& tile, T* square) {
  std::fill(square + tile.length * tile.rows, square + tile.rows * tile.rows, T{});
}

}  // namespace

template <typename T>
void attention_forward(const AttentionShape& shape, const DropoutMask& mask,
                       const T* query_key_value, T* output, float* log_sums) {
  const std::int64_t most = most_rows(shape.layout);
  on_every_thread([&](int thread, int threads) {
    float* const scores = work_space<float, 0>(most * most + most);
    float* const multipliers = scores + most * most;
    T* const dropped = work_space<T, 1>(most * (most + shape.head_size));
    const Range range = tiles_of_part(shape, thread, threads);
    for (std::int64_t index = range.begin; index < range.end; ++index) {
      const Tile tile = tile_of(shape, index);
      const auto rows = [&](AttentionPart part) {
        return rows_of(shape, tile, part, query_key_value);
      };
      matmul(rows(AttentionPart::query), rows(AttentionPart::key).transposed(),
             mutable_matrix(scores, tile.rows, tile.rows));
      for (std::int64_t row = 0; row < tile.length; ++row) {
        dropout_multipliers(mask, tile.sample, dropout_row(tile, row), tile.rows, multipliers);
        log_sums[(tile.first_row + row) * shape.heads + tile.head] =
            softmax_row(scores + row * tile.rows, multipliers, tile, dropped + row * tile.rows);
      }
      clear_rounding(tile, dropped);
      multiply_into_rows(shape, tile, matrix(dropped, tile.rows, tile.rows),
                         rows(AttentionPart::value), AttentionPart::output, output,
                         dropped + most * most);
    }
  });
  clear_rest(shape.layout, shape.hidden_size(), output);
}

template <typename T>
void attention_backward(const AttentionShape& shape, const DropoutMask& mask,
                        const T* query_key_value, const float* log_sums, const T* output_gradient,
                        T* input_gradient) {
  const std::int64_t most = most_rows(shape.layout);
  on_every_thread([&](int thread, int threads) {
    float* const scores = work_space<float, 0>(2 * most * most + most);
    float* const dropped_gradient = scores + most * most;
    float* const multipliers = dropped_gradient + most * most;
    T* const dropped = work_space<T, 1>(most * (2 * most + shape.head_size));
    T* const score_gradient = dropped + most * most;
    T* const product = score_gradient + most * most;
    const Range range = tiles_of_part(shape, thread, threads);
    for (std::int64_t index = range.begin; index < range.end; ++index) {
      const Tile tile = tile_of(shape, index);
      const Matrix queries = rows_of(shape, tile, AttentionPart::query, query_key_value);
      const Matrix keys = rows_of(shape, tile, AttentionPart::key, query_key_value);
      const Matrix values = rows_of(shape, tile, AttentionPart::value, query_key_value);
      const Matrix above = rows_of(shape, tile, AttentionPart::output, output_gradient);
      matmul(queries, keys.transposed(), mutable_matrix(scores, tile.rows, tile.rows));
      matmul(above, values.transposed(), mutable_matrix(dropped_gradient, tile.rows, tile.rows));
      for (std::int64_t row = 0; row < tile.length; ++row) {
        const std::int64_t start = row * tile.rows;
        dropout_multipliers(mask, tile.sample, dropout_row(tile, row), tile.rows, multipliers);
        softmax_row_backward(scores + start, dropped_gradient + start, multipliers,
                             log_sums[(tile.first_row + row) * shape.heads + tile.head], tile,
                             dropped + start, score_gradient + start);
      }
      clear_rounding(tile, dropped);
      clear_rounding(tile, score_gradient);
      const Matrix probabilities = matrix(dropped, tile.rows, tile.rows);
      const Matrix score_gradients = matrix(score_gradient, tile.rows, tile.rows);
      multiply_into_rows(shape, tile, probabilities.transposed(), above, AttentionPart::value,
                         input_gradient, product);
      multiply_into_rows(shape, tile, score_gradients, keys, AttentionPart::query, input_gradient,
                         product);
      multiply_into_rows(shape, tile, score_gradients.transposed(), queries, AttentionPart::key,
                         input_gradient, product);
    }
  });
  clear_rest(shape.layout, 3 * shape.hidden_size(), input_gradient);
}

template void attention_forward(const AttentionShape&, const DropoutMask&, const float*, float*,
                                float*);
template void attention_forward(const AttentionShape&, const DropoutMask&, const Bfloat16*,
                                Bfloat16*, float*);
template void attention_forward(const AttentionShape&, const DropoutMask&, const Float16*, Float16*,
                                float*);
template void attention_backward(const AttentionShape&, const DropoutMask&, const float*,
                                 const float*, const float*, float*);
template void attention_backward(const AttentionShape&, const DropoutMask&, const Bfloat16*,
                                 const float*, const Bfloat16*, Bfloat16*);
template void attention_backward(const AttentionShape&, const DropoutMask&, const Float16*,
                                 const float*, const Float16*, Float16*);

}  // namespace lambert
