// SPDX-License-Identifier: Apache-2.0
// Private to the two forms of cuda_device.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lambert {

inline constexpr int kWarp = 32;                     // threads that run in step
inline constexpr unsigned kAllLanes = 0xFFFFFFFFU;   // of a warp
inline constexpr std::size_t kSharedAlignment = 16;  // of each array that SharedMemory deals out

/// Shared memory that SharedMemory::take<T>(count) needs.
template <typename T>
constexpr std::size_t shared_bytes_of(std::int64_t count) {
  return (static_cast<std::size_t>(count) * sizeof(T) + kSharedAlignment - 1) / kSharedAlignment *
         kSharedAlignment;
}

}  // namespace lambert
