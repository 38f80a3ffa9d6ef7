// SPDX-License-Identifier: Apache-2.0
// The backward pass: three launches, which compute the probabilities again from the logarithms of
// the rows' sums (Dao et al. 2022); see the story in cuda_attention_tiles.h. p: a probability, m:
// its dropout multiplier, g: output_gradient . value. Then
//   value_gradient = sum over queries of p m output_gradient
//   score_gradient = scale p (m g - products), products = output_gradient . output of the query
// and the gradients of query and key are its products with key and query.
#include "kernels/attention.h"
#include "kernels/cuda_attention_tiles.h"
#include "kernels/cuda_scratch.h"

namespace lambert {

namespace {

/// Tensors that the kernels read: (T, 3 H), (T, H), and (T, A) in fp32.
template <typename T>
struct Read {
  const T* query_key_value;
  const T* output_gradient;
  const float* log_sums;
  const float* products;
};

/// products: (T, A); a warp per row and head. Rows of no sample are of no use to anyone.
template <typename T>
__global__ void row_products(AttentionShape shape, const T* output, const T* output_gradient,
                             float* products) {
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.y + threadIdx.y;
  const bool is_row = index < shape.layout.rows * shape.heads;
  const std::int64_t start = index * shape.head_size;  // (T, H) is (T, A, head_size)
  float sum = 0.0F;
  for (std::int64_t d = threadIdx.x; is_row && d < shape.head_size; d += kWarp) {
    sum += to_float(output[start + d]) * to_float(output_gradient[start + d]);
  }
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    sum += __shfl_xor_sync(kAllLanes, sum, distance);
  }
  if (is_row && threadIdx.x == 0) {
    products[index] = sum;
  }
}

/// One element of the square: from a score and g to p m and the gradient of the score.
struct Element {
  float weight;
  float score_gradient;
};

__device__ Element element_of(float score, float gradient, float multiplier, float scale,
                              float log_sum, float product) {
  const float probability = expf(scale * score - log_sum);
  return {probability * multiplier, scale * probability * (multiplier * gradient - product)};
}

/// A block owns 64 queries and walks through the keys.
template <int kWidth, int kBands, typename T>
__global__ void __launch_bounds__(kSide* kSide)
    query_backward(AttentionShape shape, DropoutMask mask, float scale, Read<T> read,
                   T* input_gradient) {
  const TokenLayout& layout = shape.layout;
  const std::int64_t head = blockIdx.y;
  const int stride = tile_stride(shape.head_size);
  SharedMemory shared;
  float* const queries = shared.take<float>(tile_floats(shape.head_size));
  float* const above = shared.take<float>(tile_floats(shape.head_size));
  float* const others = shared.take<float>(tile_floats(shape.head_size));  // values, then keys
  float* const square = shared.take<float>(kTile * kSquareStride);
  const RowTile tile(layout);
  RowBands<kBands> sums;
  const std::int64_t rows = tile.end - tile.first;
  load_tile<kWidth>(shape, AttentionPart::query, head, tile.first, rows, read.query_key_value,
                    queries);
  load_tile<kWidth>(shape, AttentionPart::output, head, tile.first, rows, read.output_gradient,
                    above);
  for (std::int64_t sample = tile.first_sample; sample <= tile.last_sample; ++sample) {
    const std::int64_t begin = layout.starts[sample];
    const std::int64_t length = layout.length_of(sample);
    for (std::int64_t first = 0; first < length; first += kTile) {
      const std::int64_t count = length - first < kTile ? length - first : kTile;
      const SquareMask kept = mask_of_square<true>(mask, sample, head, tile.first - begin, first);
      Square gradients;
      Square scores;
      __syncthreads();  // the last keys have been read
      load_tile<kWidth>(shape, AttentionPart::value, head, begin + first, count,
                        read.query_key_value, others);
      __syncthreads();
      multiply_rows(above, others, stride, gradients);
      __syncthreads();
      load_tile<kWidth>(shape, AttentionPart::key, head, begin + first, count, read.query_key_value,
                        others);
      __syncthreads();
      multiply_rows(queries, others, stride, scores);
      for (int i = 0; i < kPer; ++i) {
        const std::int64_t row = tile.first + threadIdx.y + kSide * i;
        const bool is_of_sample = row >= begin && row < begin + length;
        const std::int64_t of_row = is_of_sample ? row * shape.heads + head : 0;
        for (int j = 0; j < kPer; ++j) {
          const auto column = static_cast<std::int64_t>(threadIdx.x) + kSide * j;
          float result = 0.0F;
          if (is_of_sample && column < count) {
            result = element_of(scores.values[i][j], gradients.values[i][j], kept.multiplier(i, j),
                                scale, read.log_sums[of_row], read.products[of_row])
                         .score_gradient;
          }
          scores.values[i][j] = result;
        }
      }
      store_square(scores, square);
      __syncthreads();
      add_weighted_rows(square, others, stride, static_cast<int>(count), sums);
    }
  }
  for (int i = 0; i < kPer; ++i) {
    const std::int64_t row = tile.first + threadIdx.y + kSide * i;
    if (row < layout.rows) {
      store_row<kWidth>(shape, AttentionPart::query, head, row, sums, i, 1.0F, input_gradient);
    }
  }
}

/// A block owns 64 keys and walks through the queries: its squares have a row per key and a column
/// per query. One square serves first for the weights, then for the gradients of the scores.
template <int kWidth, int kBands, typename T>
__global__ void __launch_bounds__(kSide* kSide)
    key_backward(AttentionShape shape, DropoutMask mask, float scale, Read<T> read,
                 T* input_gradient) {
  const TokenLayout& layout = shape.layout;
  const std::int64_t head = blockIdx.y;
  const int stride = tile_stride(shape.head_size);
  SharedMemory shared;
  float* const keys = shared.take<float>(tile_floats(shape.head_size));
  float* const values = shared.take<float>(tile_floats(shape.head_size));
  float* const queries = shared.take<float>(tile_floats(shape.head_size));
  float* const above = shared.take<float>(tile_floats(shape.head_size));
  float* const square = shared.take<float>(kTile * kSquareStride);
  const RowTile tile(layout);
  RowBands<kBands> key_sums;
  RowBands<kBands> value_sums;
  const std::int64_t rows = tile.end - tile.first;
  load_tile<kWidth>(shape, AttentionPart::key, head, tile.first, rows, read.query_key_value, keys);
  load_tile<kWidth>(shape, AttentionPart::value, head, tile.first, rows, read.query_key_value,
                    values);
  for (std::int64_t sample = tile.first_sample; sample <= tile.last_sample; ++sample) {
    const std::int64_t begin = layout.starts[sample];
    const std::int64_t length = layout.length_of(sample);
    for (std::int64_t first = 0; first < length; first += kTile) {
      const std::int64_t count = length - first < kTile ? length - first : kTile;
      __syncthreads();  // the last queries and the square have been read
      load_tile<kWidth>(shape, AttentionPart::query, head, begin + first, count,
                        read.query_key_value, queries);
      load_tile<kWidth>(shape, AttentionPart::output, head, begin + first, count,
                        read.output_gradient, above);
      __syncthreads();
      const SquareMask kept = mask_of_square<false>(mask, sample, head, first, tile.first - begin);
      Square weights;
      Square gradients;
      multiply_rows(keys, queries, stride, weights);
      multiply_rows(values, above, stride, gradients);
      for (int j = 0; j < kPer; ++j) {
        const auto column = static_cast<std::int64_t>(threadIdx.x) + kSide * j;
        const std::int64_t query = first + column;
        const std::int64_t of_row = column < count ? (begin + query) * shape.heads + head : 0;
        for (int i = 0; i < kPer; ++i) {
          const std::int64_t row = tile.first + threadIdx.y + kSide * i;
          Element result{};
          if (column < count && row >= begin && row < begin + length) {
            result = element_of(weights.values[i][j], gradients.values[i][j], kept.multiplier(i, j),
                                scale, read.log_sums[of_row], read.products[of_row]);
          }
          weights.values[i][j] = result.weight;
          gradients.values[i][j] = result.score_gradient;
        }
      }
      store_square(weights, square);
      __syncthreads();
      add_weighted_rows(square, above, stride, static_cast<int>(count), value_sums);
      __syncthreads();
      store_square(gradients, square);
      __syncthreads();
      add_weighted_rows(square, queries, stride, static_cast<int>(count), key_sums);
    }
  }
  for_each_of_a_thread([&](auto i) {
    const std::int64_t row = tile.first + threadIdx.y + kSide * i;
    if (row < layout.rows) {
      store_row<kWidth>(shape, AttentionPart::key, head, row, key_sums, i, 1.0F, input_gradient);
      store_row<kWidth>(shape, AttentionPart::value, head, row, value_sums, i, 1.0F,
                        input_gradient);
    }
  });
}

}  // namespace

std::int64_t attention_backward_scratch_bytes(const AttentionShape& shape) {
  return scratch_bytes_of<float>(shape.layout.rows * shape.heads);
}

template <typename T>
void attention_backward(const CudaStream& stream, const AttentionShape& shape,
                        const DropoutMask& mask, const T* query_key_value, const T* output,
                        const float* log_sums, const T* output_gradient, T* input_gradient) {
  Scratch scratch(stream, attention_backward_scratch_bytes(shape), "attention_backward");
  float* const products = scratch.take<float>(shape.layout.rows * shape.heads);
  const float scale = 1.0F / std::sqrt(static_cast<float>(shape.head_size));
  const Read<T> read{query_key_value, output_gradient, log_sums, products};
  constexpr int kRowsOfBlock = 8;
  launch("attention_row_products", row_products<T>,
         {grid_size(quotient_up(shape.layout.rows * shape.heads, kRowsOfBlock)),
          dim3(kWarp, kRowsOfBlock)},
         stream, shape, output, output_gradient, products);
  with_head_form<T>(
      shape,
      [&](auto width, auto bands) {
        constexpr int kWidth = decltype(width)::value;
        constexpr int kBands = decltype(bands)::value;
        launch("attention_query_backward", query_backward<kWidth, kBands, T>,
               attention_launch(shape, 3, 1), stream, shape, mask, scale, read, input_gradient);
        launch("attention_key_backward", key_backward<kWidth, kBands, T>,
               attention_launch(shape, 4, 1), stream, shape, mask, scale, read, input_gradient);
      },
      query_key_value, output_gradient, input_gradient);
}

template void attention_backward(const CudaStream&, const AttentionShape&, const DropoutMask&,
                                 const float*, const float*, const float*, const float*, float*);
template void attention_backward(const CudaStream&, const AttentionShape&, const DropoutMask&,
                                 const Bfloat16*, const Bfloat16*, const float*, const Bfloat16*,
                                 Bfloat16*);
template void attention_backward(const CudaStream&, const AttentionShape&, const DropoutMask&,
                                 const Float16*, const Float16*, const float*, const Float16*,
                                 Float16*);

}  // namespace lambert
