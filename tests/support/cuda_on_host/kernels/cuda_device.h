// SPDX-License-Identifier: Apache-2.0
// The host's form of src/kernels/cuda_device.h, found before it by the include path of the tests
// that compile the .cu files with g++.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>

#include "base/error.h"
#include "kernels/cuda_sizes.h"
#include "kernels/cuda_stream.h"
#include "kernels/vector_math.h"
#include "support/cuda_on_host.h"

namespace lambert {

struct LaunchShape {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;
};

class SharedMemory {
 public:
  template <typename T>
  T* take(std::int64_t count) {
    return static_cast<T*>(
        cuda_on_host::shared_array(taken_++, static_cast<std::size_t>(count) * sizeof(T)));
  }

 private:
  std::size_t taken_ = 0;
};

using DeviceMath = PortableMath;

template <typename... Parameters, typename... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), const LaunchShape& shape,
            const CudaStream& /*stream*/, Arguments... arguments) {
  if (shape.grid.x == 0 || shape.grid.y == 0) {
    return;
  }
  const std::tuple<Parameters...> parameters(arguments...);
  cuda_on_host::run(name, shape.grid, shape.block, shape.shared_bytes,
                    [&] { std::apply(kernel, parameters); });
}

}  // namespace lambert
