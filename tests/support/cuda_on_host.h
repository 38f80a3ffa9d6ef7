// SPDX-License-Identifier: Apache-2.0
// A small stand-in for a CUDA device: the .cu files of src/kernels, compiled by g++, run on it.
//
// A grid's blocks run one after the other in an order drawn from a seed. The threads of a block are
// fibers: one runs until it waits at a barrier, exchanges values with its warp or ends, then
// another that is drawn from the seed. Half of the blocks take one warp after the other from
// barrier to barrier, the others all threads side by side. So a missing barrier shows as a wrong
// result. A block ends in an error when threads wait for each other in vain: at a barrier that
// others never reach, or in an exchange whose mask names a lane that does not take part.
//
// Each array of shared memory is one heap allocation of its exact size, filled with NaN, so that
// AddressSanitizer sees what is read or written beside it; `__shared__` variables are static ones.
// Everything runs on the thread that launches.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

// What nvcc knows without a header. NOLINTBEGIN(bugprone-reserved-identifier): CUDA's names
#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __launch_bounds__(...)

struct dim3 {
  unsigned x = 1;
  unsigned y = 1;
  unsigned z = 1;
  // NOLINTNEXTLINE(google-explicit-constructor): as CUDA's
  constexpr dim3(unsigned x_size = 1, unsigned y_size = 1, unsigned z_size = 1)
      : x(x_size), y(y_size), z(z_size) {}
};

// The scheduler sets them before a fiber goes on.
inline dim3 threadIdx;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): CUDA's names
inline dim3 blockIdx;   // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): the same
inline dim3 blockDim;   // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): the same
inline dim3 gridDim;    // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): the same

namespace lambert::cuda_on_host {

/// Seed of all orders from now on.
void set_seed(std::uint64_t seed);

/// Runs body() as every thread of the grid. Throws std::runtime_error when a block cannot end or
/// misuses shared memory.
void run(const std::string& kernel, const dim3& grid, const dim3& block, std::size_t shared_bytes,
         const std::function<void()>& body);

/// The calling thread's array number `index` of its block's shared memory.
void* shared_array(std::size_t index, std::size_t bytes);

void wait_for_block();
void wait_for_warp(unsigned mask);
/// The bits that lane `source` of the caller's warp hands in; all lanes of the mask hand in theirs.
std::uint64_t exchange(unsigned mask, std::uint64_t bits, unsigned source);
/// Of the caller, 0 to 31.
unsigned lane_index();

template <typename T>
T exchange_value(unsigned mask, T value, unsigned source) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = exchange(mask, bits, source);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

}  // namespace lambert::cuda_on_host

inline void __syncthreads() {
  lambert::cuda_on_host::wait_for_block();
}
inline void __syncwarp(unsigned mask = 0xFFFFFFFFU) {
  lambert::cuda_on_host::wait_for_warp(mask);
}

template <typename T>
T __shfl_sync(unsigned mask, T value, int source) {
  return lambert::cuda_on_host::exchange_value(mask, value, static_cast<unsigned>(source));
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lanes) {
  return lambert::cuda_on_host::exchange_value(
      mask, value, lambert::cuda_on_host::lane_index() ^ static_cast<unsigned>(lanes));
}
/// As the device does, a lane without a partner keeps its own value.
template <typename T>
T __shfl_down_sync(unsigned mask, T value, int distance) {
  const unsigned lane = lambert::cuda_on_host::lane_index();
  const unsigned source = lane + static_cast<unsigned>(distance);
  return lambert::cuda_on_host::exchange_value(mask, value, source < 32 ? source : lane);
}

/// Fibers only change at barriers.
template <std::integral T>
T atomicAdd(T* address, T value) {
  const T old = *address;
  *address = static_cast<T>(old + value);
  return old;
}
template <std::integral T>
T atomicMin(T* address, T value) {
  const T old = *address;
  *address = value < old ? value : old;
  return old;
}
template <std::integral T>
T atomicMax(T* address, T value) {
  const T old = *address;
  *address = value > old ? value : old;
  return old;
}
// NOLINTEND(bugprone-reserved-identifier)
