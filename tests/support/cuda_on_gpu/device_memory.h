// SPDX-License-Identifier: Apache-2.0
// Device memory of tests that run on a GPU (label gpu).
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include <cuda_runtime_api.h>

namespace lambert::testing {

inline void expect_success(cudaError_t status) {
  if (status != cudaSuccess) {
    throw std::runtime_error(std::string("the GPU: ") + cudaGetErrorString(status));
  }
}
inline void* allocate_device(std::size_t bytes) {
  void* memory = nullptr;
  expect_success(cudaMalloc(&memory, bytes));
  return memory;
}
inline void free_device(void* memory) {
  cudaFree(memory);
}
inline void copy_to_device(void* device, const void* host, std::size_t bytes) {
  expect_success(cudaMemcpy(device, host, bytes, cudaMemcpyHostToDevice));
}
/// Waits for the kernels before it: they are on the default stream.
inline void copy_to_host(void* host, const void* device, std::size_t bytes) {
  expect_success(cudaMemcpy(host, device, bytes, cudaMemcpyDeviceToHost));
}
/// The device has its own.
inline void change_thread_order(std::uint64_t /*seed*/) {}

}  // namespace lambert::testing
