// SPDX-License-Identifier: Apache-2.0
// Private to the .cu files. All that they use of CUDA besides its built-in variables and functions:
// the form for nvcc. tests/support/cuda_on_host/ has the form of the same names with which g++
// compiles the .cu files for the host.
#pragma once

#include <cstddef>
#include <string>

#include <cuda_runtime.h>

#include "base/error.h"
#include "kernels/cuda_sizes.h"
#include "kernels/cuda_stream.h"

namespace lambert {

struct LaunchShape {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;
};

/// Deals out the shared memory that a kernel was launched with. All threads of a block ask for the
/// same arrays in the same order.
class SharedMemory {
 public:
  template <typename T>
  __device__ T* take(std::int64_t count) {
    extern __shared__ uint4 dynamic_shared_memory[];
    T* const array = reinterpret_cast<T*>(reinterpret_cast<char*>(dynamic_shared_memory) + used_);
    used_ += shared_bytes_of<T>(count);
    return array;
  }

 private:
  std::size_t used_ = 0;
};

/// By the device's own instructions, which are fast: exponentials within 2 + |x| units in the last
/// place, quotients of positive numbers within 2.
struct DeviceMath {
  static __device__ float exponential(float x) { return __expf(x > 88.0F ? 88.0F : x); }
  static __device__ float quotient(float a, float b) { return __fdividef(a, b); }
};

inline void check_cuda(cudaError_t status, const char* doing) {
  if (status != cudaSuccess) {
    throw DeviceError(std::string("CUDA: ") + doing + ": " + cudaGetErrorString(status) +
                      "; see the device's state with nvidia-smi and start the run again");
  }
}

/// Puts the kernel on the stream. A grid without blocks is no work.
template <typename... Parameters, typename... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), const LaunchShape& shape,
            const CudaStream& stream, Arguments... arguments) {
  if (shape.grid.x == 0 || shape.grid.y == 0) {
    return;
  }
  constexpr std::size_t kWithoutAsking = 48 * 1024;  // more shared memory must be asked for
  if (shape.shared_bytes > kWithoutAsking) {
    check_cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(shape.shared_bytes)),
               name);
  }
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = static_cast<cudaStream_t>(stream.handle);
  check_cuda(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), name);
}

}  // namespace lambert
