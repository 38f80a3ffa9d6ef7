// SPDX-License-Identifier: Apache-2.0
// Private to the .cu files: what the attention kernels have in common.
//
// The story. The rows of all samples are cut into tiles of 64, whatever sample they belong to, so
// that the grid follows from the number of rows alone and nothing is read back from the device. A
// block owns one tile of one head and walks, for each sample that its tile touches, through that
// sample's rows, again 64 at a time; rows of another sample take no part. Both tiles lie in shared
// memory in float. A block has 16 x 16 threads: thread (x, y) computes the elements (y + 16 i,
// x + 16 j) of a 64 x 64 square of products, and of a 64 x head_size result the rows y + 16 i and
// four neighbouring columns 4 x of every 64.
//
// Why 64: with head_size 64 two tiles and a square are 52 KiB, three blocks per multiprocessor of
// an A100 and four of an H100; a thread reads eight vectors of four from shared memory for 64
// multiplications. Rows of a tile are 4 floats longer than their contents, so that the vectors that
// neighbouring threads read lie in different banks.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/attention.h"
#include "kernels/cuda_dropout.h"
#include "kernels/cuda_rows.h"

namespace lambert {

inline constexpr int kTile = 64;
inline constexpr int kSide = 16;            // threads along each side of a block
inline constexpr int kPer = kTile / kSide;  // elements of a square along each side, per thread
inline constexpr int kSquareStride = kTile + 4;
inline constexpr std::int64_t kMostHeadSize = 128;

/// Floats from one row of a tile to the next.
constexpr int tile_stride(std::int64_t head_size) {
  return static_cast<int>((head_size + 3) / 4 * 4 + 4);
}

constexpr std::int64_t tile_floats(std::int64_t head_size) {
  return std::int64_t{kTile} * tile_stride(head_size);
}

/// A block's shared memory: so many tiles of rows and squares of products.
inline LaunchShape attention_launch(const AttentionShape& shape, int tiles, int squares) {
  return {dim3(grid_size(quotient_up(shape.layout.rows, kTile)), grid_size(shape.heads)),
          dim3(kSide, kSide),
          static_cast<std::size_t>(tiles) * shared_bytes_of<float>(tile_floats(shape.head_size)) +
              static_cast<std::size_t>(squares) * shared_bytes_of<float>(kTile * kSquareStride)};
}

/// Calls work(Width<..>, Bands<..>): elements that a load takes, and how many times 64 columns the
/// head has. Throws ConfigError for heads that do not fit into shared memory.
template <int kBands>
using Bands = std::integral_constant<int, kBands>;

template <typename T, typename Work, typename... Pointers>
void with_head_form(const AttentionShape& shape, const Work& work, const Pointers*... arrays) {
  if (shape.head_size > kMostHeadSize) {
    throw ConfigError("attention on the device: heads of " + std::to_string(shape.head_size) +
                      " numbers, at most " + std::to_string(kMostHeadSize) +
                      " fit; set model.num_attention_heads to more heads");
  }
  with_width<T>(
      shape.head_size,
      [&](auto width) {
        if (shape.head_size <= kTile) {
          work(width, Bands<1>{});
        } else {
          work(width, Bands<2>{});
        }
      },
      arrays...);
}

/// A 64 x 64 square of products: element (i, j) is (y + 16 i, x + 16 j).
struct Square {
  float values[kPer][kPer] = {};  // NOLINT(modernize-avoid-c-arrays): registers
};

/// A tile's rows y + 16 i, columns 4 x + k of each of kBands times 64.
template <int kBands>
struct RowBands {
  float values[kPer][kBands][4] = {};  // NOLINT(modernize-avoid-c-arrays): registers
};

__device__ inline const Pack<float, 4>& four_at(const float* shared) {
  return *reinterpret_cast<const Pack<float, 4>*>(shared);
}

/// Rows first_row .. first_row + row_count - 1 of the head into a tile; what is beyond them and the
/// head becomes zero. tensor: that of the part. All threads; a barrier must follow.
template <int kWidth, typename T>
__device__ void load_tile(const AttentionShape& shape, AttentionPart part, std::int64_t head,
                          std::int64_t first_row, std::int64_t row_count, const T* tensor,
                          float* tile) {
  const int stride = tile_stride(shape.head_size);
  const int padded = stride - 4;
  const int packs = (padded + kWidth - 1) / kWidth;
  const T* const source = tensor + shape.offset_of(part, first_row, head);
  const int thread = static_cast<int>(threadIdx.y * kSide + threadIdx.x);
  for (int index = thread; index < kTile * packs; index += kSide * kSide) {
    const int row = index / packs;
    const int column = index % packs * kWidth;
    Floats<kWidth> values{};
    if (row < row_count && column < shape.head_size) {
      values = load<kWidth>(source + row * shape.stride_of(part) + column);
    }
    store<kWidth>(tile + row * stride + column, values);
  }
}

/// square[i][j] = left row (y + 16 i) . right row (x + 16 j), over the whole head.
__device__ inline void multiply_rows(const float* left, const float* right, int stride,
                                     Square& square) {
  const float* const left_rows = left + static_cast<int>(threadIdx.y) * stride;
  const float* const right_rows = right + static_cast<int>(threadIdx.x) * stride;
  square = {};
  for (int d = 0; d < stride - 4; d += 4) {
    Pack<float, 4> others[kPer];  // NOLINT(modernize-avoid-c-arrays): registers
    for (int j = 0; j < kPer; ++j) {
      others[j] = four_at(right_rows + kSide * j * stride + d);
    }
    for (int i = 0; i < kPer; ++i) {
      const Pack<float, 4> own = four_at(left_rows + kSide * i * stride + d);
      for (int j = 0; j < kPer; ++j) {
        for (int k = 0; k < 4; ++k) {
          square.values[i][j] += own.values[k] * others[j].values[k];
        }
      }
    }
  }
}

/// sums += weights tile: weights is a square in shared memory, of which the first `count` columns
/// count.
template <int kBands>
__device__ void add_weighted_rows(const float* weights, const float* tile, int stride, int count,
                                  RowBands<kBands>& sums) {
  const float* const weight_rows = weights + static_cast<int>(threadIdx.y) * kSquareStride;
  for (int row = 0; row < count; ++row) {
    for (int band = 0; band < kBands; ++band) {
      const int column = kTile * band + 4 * static_cast<int>(threadIdx.x);
      if (column >= stride - 4) {
        continue;
      }
      const Pack<float, 4> values = four_at(tile + row * stride + column);
      for (int i = 0; i < kPer; ++i) {
        const float weight = weight_rows[kSide * i * kSquareStride + row];
        for (int k = 0; k < 4; ++k) {
          sums.values[i][band][k] += weight * values.values[k];
        }
      }
    }
  }
}

/// The square into shared memory. A barrier must follow.
__device__ inline void store_square(const Square& square, float* shared) {
  for (int i = 0; i < kPer; ++i) {
    for (int j = 0; j < kPer; ++j) {
      shared[(static_cast<int>(threadIdx.y) + kSide * i) * kSquareStride +
             static_cast<int>(threadIdx.x) + kSide * j] = square.values[i][j];
    }
  }
}

/// Calls work(0) .. work(kPer - 1) with numbers that the compiler knows: sums that a loop indexes,
/// when it is too long to be unrolled (rounding to fp16), lie on the stack instead of in registers.
template <typename Work>
__device__ void for_each_of_a_thread(const Work& work) {
  static_assert(kPer == 4);
  work(std::integral_constant<int, 0>{});
  work(std::integral_constant<int, 1>{});
  work(std::integral_constant<int, 2>{});
  work(std::integral_constant<int, 3>{});
}

/// The thread's part of row y + 16 i, times factor, to row `row` of the part's tensor.
template <int kWidth, int kBands, typename T>
__device__ void store_row(const AttentionShape& shape, AttentionPart part, std::int64_t head,
                          std::int64_t row, const RowBands<kBands>& sums, int i, float factor,
                          T* tensor) {
  T* const target = tensor + shape.offset_of(part, row, head);
  for (int band = 0; band < kBands; ++band) {
    Floats<4> values;
    for (int k = 0; k < 4; ++k) {
      values.values[k] = sums.values[i][band][k] * factor;
    }
    const int column = kTile * band + 4 * static_cast<int>(threadIdx.x);
    if (kWidth >= 4 && column < shape.head_size) {  // then the head's size is a multiple of 4
      store<4>(target + column, values);
    }
    for (int k = 0; kWidth < 4 && k < 4 && column + k < shape.head_size; ++k) {
      target[column + k] = from_float<T>(values.values[k]);
    }
  }
}

/// The block's tile: rows first .. end - 1 of samples first_sample .. last_sample; the rows beyond
/// belong to no sample.
struct RowTile {
  std::int64_t first = 0;
  std::int64_t end = 0;
  std::int32_t first_sample = 0;
  std::int32_t last_sample = -1;  // without rows of samples, before the first

  __device__ explicit RowTile(const TokenLayout& layout) : first(std::int64_t{blockIdx.x} * kTile) {
    const std::int64_t used = layout.starts[layout.samples];
    end = first + kTile < used ? first + kTile : used;
    if (first < end) {
      first_sample = layout.sample_of[first];
      last_sample = layout.sample_of[end - 1];
    }
  }
  /// Of a row of the tensor.
  __device__ bool holds(std::int64_t row) const { return row < end; }
};

/// The row of the mask of dropout_stream.h.
__device__ inline std::uint32_t dropout_row(std::int64_t head, std::int64_t query) {
  return static_cast<std::uint32_t>(head * 65536 + query);
}

/// Which elements of its part of a square a thread keeps: bit kPer * i + j is element (i, j). In
/// one number, so that the square itself can stay in registers while the Philox blocks are made.
struct SquareMask {
  std::uint32_t kept = 0xFFFFFFFFU;
  float scale = 1.0F;

  /// 0 or the mask's scale; 1 without dropout.
  __device__ float multiplier(int i, int j) const {
    return ((kept >> (kPer * i + j)) & 1U) != 0 ? scale : 0.0F;
  }
};

/// first_query, first_key: positions in the sample of the square's first row and column, or of its
/// first column and row. Elements that lie outside the sample get any bits. Keys of one query that
/// lie 16 apart within 128 cost one Philox block together.
template <bool kRowsAreQueries>
__device__ SquareMask mask_of_square(const DropoutMask& mask, std::int64_t sample,
                                     std::int64_t head, std::int64_t first_query,
                                     std::int64_t first_key) {
  if (!mask.is_active()) {
    return {};
  }
  const auto number = static_cast<std::uint64_t>(mask.sample_numbers[sample]);
  const std::int64_t own_query = first_query + (kRowsAreQueries ? threadIdx.y : threadIdx.x);
  const std::int64_t own_key = first_key + (kRowsAreQueries ? threadIdx.x : threadIdx.y);
  SquareMask result{0, mask.scale};
  for (int q = 0; q < kPer; ++q) {
    const std::uint32_t row = dropout_row(head, own_query + kSide * q);
    std::uint32_t block = 0xFFFFFFFFU;  // of no key
    std::uint32_t lanes = 0;
    for (int k = 0; k < kPer; ++k) {
      const auto key = static_cast<std::uint32_t>(own_key + kSide * k);
      if (dropout_block(key) != block) {
        block = dropout_block(key);
        lanes = kept_lanes(mask, number, row, block);
      }
      const int place = kRowsAreQueries ? kPer * q + k : kPer * k + q;
      result.kept |= ((lanes >> dropout_lane(key)) & 1U) << place;
    }
  }
  return result;
}

}  // namespace lambert
