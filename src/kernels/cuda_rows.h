// SPDX-License-Identifier: Apache-2.0
// Private to the .cu files: loads and stores of several neighbours at once, and sums over a block.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/cuda_device.h"
#include "kernels/element.h"

namespace lambert {

template <int kWidth>
struct Floats {
  float values[kWidth];  // NOLINT(modernize-avoid-c-arrays): std::array costs the device registers
};

/// What one instruction moves: at most 16 bytes.
template <typename T, int kCount>
struct alignas(sizeof(T) * kCount) Pack {
  T values[kCount];  // NOLINT(modernize-avoid-c-arrays): see above
};

template <typename T, int kWidth>
inline constexpr int kPackCount = std::min(kWidth, static_cast<int>(16 / sizeof(T)));

template <int kWidth, typename T>
__device__ Floats<kWidth> load(const T* source) {
  constexpr int kCount = kPackCount<T, kWidth>;
  Floats<kWidth> result;
  for (int first = 0; first < kWidth; first += kCount) {
    const auto pack = *reinterpret_cast<const Pack<T, kCount>*>(source + first);
    for (int i = 0; i < kCount; ++i) {
      result.values[first + i] = to_float(pack.values[i]);
    }
  }
  return result;
}

template <int kWidth, typename T>
__device__ void store(T* target, const Floats<kWidth>& floats) {
  constexpr int kCount = kPackCount<T, kWidth>;
  for (int first = 0; first < kWidth; first += kCount) {
    Pack<T, kCount> pack;
    for (int i = 0; i < kCount; ++i) {
      pack.values[i] = from_float<T>(floats.values[first + i]);
    }
    *reinterpret_cast<Pack<T, kCount>*>(target + first) = pack;
  }
}

/// The sum of all threads' values, to all of them, in an order that depends on the block's size
/// alone. space: one value per warp; no barrier is needed before or after. Blocks are rows of whole
/// warps.
template <typename Value>
__device__ Value block_sum(Value value, Value* space) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(kAllLanes, value, distance);
  }
  __syncthreads();  // the last sum may still be read
  if (threadIdx.x % kWarp == 0) {
    space[threadIdx.x / kWarp] = value;
  }
  __syncthreads();
  Value sum = space[0];
  for (unsigned warp = 1; warp < blockDim.x / kWarp; ++warp) {
    sum += space[warp];
  }
  return sum;
}

template <int kWidth>
using Width = std::integral_constant<int, kWidth>;

/// 16 bytes of T.
template <typename T>
inline constexpr int kWidest = static_cast<int>(16 / sizeof(T));

inline bool is_aligned(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
}

/// Calls work(Width<n>) with the number of neighbours that one thread takes of T's rows: 16 bytes
/// where every row of every array begins at a multiple of 16 bytes, else one element.
template <typename T, typename Work, typename... Pointers>
void with_width(std::int64_t columns, const Work& work, const Pointers*... arrays) {
  if (columns % kWidest<T> == 0 && (is_aligned(arrays) && ...)) {
    work(Width<kWidest<T>>{});
  } else {
    work(Width<1>{});
  }
}

constexpr std::int64_t quotient_up(std::int64_t value, std::int64_t divisor) {
  return (value + divisor - 1) / divisor;
}

constexpr unsigned grid_size(std::int64_t blocks) {
  return static_cast<unsigned>(blocks);
}

/// Threads for a row of which each takes `width` neighbours: whole warps, at most 256. More would
/// idle for hidden sizes up to 2,048 in bf16, and sums over the block would cost more.
constexpr unsigned row_threads(std::int64_t columns, int width) {
  constexpr std::int64_t kMost = 256;
  return static_cast<unsigned>(
      std::min(quotient_up(quotient_up(columns, width), kWarp) * kWarp, kMost));
}

}  // namespace lambert
