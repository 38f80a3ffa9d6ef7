// SPDX-License-Identifier: Apache-2.0
// Device memory of tests, the host's form: heap allocations of exact size, so that
// AddressSanitizer sees what a kernel reads or writes beside them.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include "support/cuda_on_host.h"

namespace lambert::testing {

inline void* allocate_device(std::size_t bytes) {
  void* const memory = std::malloc(bytes);
  if (memory == nullptr && bytes > 0) {
    throw std::bad_alloc();
  }
  return memory;
}
inline void free_device(void* memory) {
  std::free(memory);
}
inline void copy_to_device(void* device, const void* host, std::size_t bytes) {
  if (bytes > 0) {
    std::memcpy(device, host, bytes);
  }
}
inline void copy_to_host(void* host, const void* device, std::size_t bytes) {
  if (bytes > 0) {
    std::memcpy(host, device, bytes);
  }
}
/// Threads and blocks run in another order from now on.
inline void change_thread_order(std::uint64_t seed) {
  cuda_on_host::set_seed(seed);
}

}  // namespace lambert::testing
