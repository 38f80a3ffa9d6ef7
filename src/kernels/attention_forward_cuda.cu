// SPDX-License-Identifier: Apache-2.0
// The forward pass: softmax while the keys pass by (Dao et al. 2022); see the story in
// cuda_attention_tiles.h.
#include "kernels/attention.h"
#include "kernels/cuda_attention_tiles.h"

namespace lambert {

namespace {

/// What a thread knows of the softmax of its four rows; the 16 threads of a row know the same.
struct Softmax {
  float largest[kPer];  // NOLINT(modernize-avoid-c-arrays): registers
  float sum[kPer];      // NOLINT(modernize-avoid-c-arrays): of exp(scale * (score - largest))
};

/// The 16 threads of a row are half a warp; the other half may be at another row's work.
__device__ unsigned lanes_of_row() {
  return 0xFFFFU << (kSide * (threadIdx.y % 2));
}
__device__ float largest_of_row(float value) {
  for (int distance = kSide / 2; distance > 0; distance /= 2) {
    const float other = __shfl_xor_sync(lanes_of_row(), value, distance);
    value = other > value ? other : value;
  }
  return value;
}
__device__ float sum_of_row(float value) {
  for (int distance = kSide / 2; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(lanes_of_row(), value, distance);
  }
  return value;
}

/// 64 keys of a sample, from key `first` of its `length` on.
struct Keys {
  std::int64_t begin;  // the sample's first row
  std::int64_t length;
  std::int64_t first;
};

/// Row y + 16 i of scores becomes exp(scale * (score - largest)) with dropout. Returns what the
/// earlier sums are to be multiplied with.
__device__ float advance_softmax(const Keys& keys, float scale, const SquareMask& mask, int i,
                                 Softmax& softmax, Square& scores) {
  const std::int64_t left = keys.length - keys.first - threadIdx.x;  // keys at or right of thread's
  float largest = softmax.largest[i];
  for (int j = 0; j < kPer; ++j) {
    if (kSide * j < left && scores.values[i][j] > largest) {
      largest = scores.values[i][j];
    }
  }
  largest = largest_of_row(largest);
  float sum = 0.0F;
  for (int j = 0; j < kPer; ++j) {
    const bool counts = kSide * j < left;
    const float weight = counts ? expf(scale * (scores.values[i][j] - largest)) : 0.0F;
    sum += weight;
    scores.values[i][j] = weight * mask.multiplier(i, j);
  }
  const float factor = expf(scale * (softmax.largest[i] - largest));
  softmax.largest[i] = largest;
  softmax.sum[i] = softmax.sum[i] * factor + sum_of_row(sum);
  return factor;
}

template <int kWidth, int kBands, typename T>
__global__ void __launch_bounds__(kSide* kSide)
    forward(AttentionShape shape, DropoutMask mask, float scale, const T* query_key_value,
            T* output, float* log_sums) {
  const TokenLayout& layout = shape.layout;
  const std::int64_t head = blockIdx.y;
  const int stride = tile_stride(shape.head_size);
  SharedMemory shared;
  float* const queries = shared.take<float>(tile_floats(shape.head_size));
  float* const others = shared.take<float>(tile_floats(shape.head_size));  // keys, then values
  float* const weights = shared.take<float>(kTile * kSquareStride);
  const RowTile tile(layout);
  Softmax softmax{};
  RowBands<kBands> sums;
  for (int i = 0; i < kPer; ++i) {
    softmax.largest[i] = -INFINITY;
  }
  load_tile<kWidth>(shape, AttentionPart::query, head, tile.first, tile.end - tile.first,
                    query_key_value, queries);
  for (std::int64_t sample = tile.first_sample; sample <= tile.last_sample; ++sample) {
    Keys keys{layout.starts[sample], layout.length_of(sample), 0};
    for (; keys.first < keys.length; keys.first += kTile) {
      const std::int64_t count =
          keys.length - keys.first < kTile ? keys.length - keys.first : kTile;
      __syncthreads();  // the last values have been read
      load_tile<kWidth>(shape, AttentionPart::key, head, keys.begin + keys.first, count,
                        query_key_value, others);
      __syncthreads();
      const SquareMask kept =
          mask_of_square<true>(mask, sample, head, tile.first - keys.begin, keys.first);
      Square scores;
      multiply_rows(queries, others, stride, scores);
      for (int i = 0; i < kPer; ++i) {
        const std::int64_t row = tile.first + threadIdx.y + kSide * i;
        if (row >= keys.begin && row < keys.begin + keys.length) {  // so for all 16 threads of it
          const float factor = advance_softmax(keys, scale, kept, i, softmax, scores);
          for (int band = 0; band < kBands; ++band) {
            for (int k = 0; k < 4; ++k) {
              sums.values[i][band][k] *= factor;
            }
          }
        } else {
          for (int j = 0; j < kPer; ++j) {
            scores.values[i][j] = 0.0F;
          }
        }
      }
      store_square(scores, weights);
      __syncthreads();  // the keys have been read, the weights are there
      load_tile<kWidth>(shape, AttentionPart::value, head, keys.begin + keys.first, count,
                        query_key_value, others);
      __syncthreads();
      add_weighted_rows(weights, others, stride, static_cast<int>(count), sums);
    }
  }
  for (int i = 0; i < kPer; ++i) {
    const std::int64_t row = tile.first + threadIdx.y + kSide * i;
    if (row >= layout.rows) {
      continue;
    }
    const bool is_used = tile.holds(row);
    store_row<kWidth>(shape, AttentionPart::output, head, row, sums, i,
                      is_used ? 1.0F / softmax.sum[i] : 0.0F, output);
    if (is_used && threadIdx.x == 0) {
      log_sums[row * shape.heads + head] = scale * softmax.largest[i] + logf(softmax.sum[i]);
    }
  }
}

}  // namespace

template <typename T>
void attention_forward(const CudaStream& stream, const AttentionShape& shape,
                       const DropoutMask& mask, const T* query_key_value, T* output,
                       float* log_sums) {
  const float scale = 1.0F / std::sqrt(static_cast<float>(shape.head_size));
  with_head_form<T>(
      shape,
      [&](auto width, auto bands) {
        launch("attention_forward", forward<decltype(width)::value, decltype(bands)::value, T>,
               attention_launch(shape, 2, 1), stream, shape, mask, scale, query_key_value, output,
               log_sums);
      },
      query_key_value, output);
}

template void attention_forward(const CudaStream&, const AttentionShape&, const DropoutMask&,
                                const float*, float*, float*);
template void attention_forward(const CudaStream&, const AttentionShape&, const DropoutMask&,
                                const Bfloat16*, Bfloat16*, float*);
template void attention_forward(const CudaStream&, const AttentionShape&, const DropoutMask&,
                                const Float16*, Float16*, float*);

}  // namespace lambert
