// SPDX-License-Identifier: Apache-2.0
// Private to kernels/. Memory that a thread keeps from call to call: a kernel allocates nothing
// once it has seen its largest shape.
#pragma once

#include <cstdint>
#include <memory>

namespace lambert {

/// At least `count` elements, uninitialised, valid until the calling thread asks for the same T and
/// number again. A kernel that needs several pieces at once gives them numbers.
template <typename T, int kNumber>
T* work_space(std::int64_t count) {
  thread_local std::unique_ptr<T[]> memory;  // NOLINT(modernize-avoid-c-arrays): sized at run time
  thread_local std::int64_t size = 0;
  if (count > size) {
    memory.reset();
    memory = std::make_unique_for_overwrite<T[]>(  // NOLINT(modernize-avoid-c-arrays): see above
        static_cast<std::size_t>(count));
    size = count;
  }
  return memory.get();
}

}  // namespace lambert
