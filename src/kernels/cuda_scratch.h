// SPDX-License-Identifier: Apache-2.0
// Private to the .cu files: the scratch memory of a CudaStream, cut into arrays.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "kernels/cuda_stream.h"

namespace lambert {

/// Bytes that an array takes of the scratch; the next one begins at a multiple of 256.
template <typename T>
constexpr std::int64_t scratch_bytes_of(std::int64_t count) {
  constexpr std::int64_t kAlignment = 256;
  return (count * static_cast<std::int64_t>(sizeof(T)) + kAlignment - 1) / kAlignment * kAlignment;
}

class Scratch {
 public:
  /// Throws InternalError when the stream lends fewer than `bytes`.
  Scratch(const CudaStream& stream, std::int64_t bytes, const char* kernel)
      : next_(stream.scratch) {
    LAMBERT_CHECK(stream.scratch_bytes >= bytes, std::string(kernel) + " needs " +
                                                     std::to_string(bytes) +
                                                     " bytes of scratch memory and was lent " +
                                                     std::to_string(stream.scratch_bytes));
  }

  template <typename T>
  T* take(std::int64_t count) {
    T* const array = reinterpret_cast<T*>(next_);
    next_ += scratch_bytes_of<T>(count);
    return array;
  }

 private:
  std::byte* next_;
};

}  // namespace lambert
