// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace lambert {

/// Where a kernel of the device runs, and the device memory that its caller lends it until the work
/// that was put on the stream is done. A function that takes one returns at once; all its other
/// pointers are device memory, unless it says otherwise. It throws InternalError when the scratch
/// is too small and DeviceError when the device refuses the work.
struct CudaStream {
  void* handle = nullptr;        // a cudaStream_t
  std::byte* scratch = nullptr;  // aligned to 256 bytes
  std::int64_t scratch_bytes = 0;
};

}  // namespace lambert
