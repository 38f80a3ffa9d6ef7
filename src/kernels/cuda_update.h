// SPDX-License-Identifier: Apache-2.0
// Private to the .cu files: how a block of threads walks through an UpdateBlock.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/cuda_rows.h"
#include "kernels/update_plan.h"

namespace lambert {

inline constexpr int kUpdateThreads = 256;  // 64 elements of a whole block each

__device__ inline bool is_aligned_on_device(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
}

/// Calls work(Width<4>, i) for the thread's groups of four elements i .. i + 3 and work(Width<1>,
/// i) for its single ones; without `in_fours` all are single.
template <typename Work>
__device__ void for_update_packs(std::size_t count, bool in_fours, const Work& work) {
  const auto end = static_cast<std::int64_t>(count);
  const std::int64_t fours = in_fours ? end / 4 * 4 : 0;
  for (std::int64_t i = std::int64_t{threadIdx.x} * 4; i < fours; i += kUpdateThreads * 4) {
    work(Width<4>{}, i);
  }
  for (std::int64_t i = fours + threadIdx.x; i < end; i += kUpdateThreads) {
    work(Width<1>{}, i);
  }
}

}  // namespace lambert
