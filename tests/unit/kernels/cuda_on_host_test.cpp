// SPDX-License-Identifier: Apache-2.0
// The stand-in itself: that it does what a device does, and reports what a device would not
// survive.
#include "support/cuda_on_host.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/cuda_device.h"

namespace lambert {
namespace {

const CudaStream kStream;

void reverse_kernel(const int* input, int* output, bool with_barrier) {
  SharedMemory shared;
  int* const space = shared.take<int>(blockDim.x);
  const unsigned start = blockIdx.x * blockDim.x;
  space[threadIdx.x] = input[start + threadIdx.x];
  if (with_barrier) {
    __syncthreads();
  }
  output[start + threadIdx.x] = space[blockDim.x - 1 - threadIdx.x];
}

std::vector<int> reversed(bool with_barrier) {
  std::vector<int> input(192);
  for (int i = 0; i < 192; ++i) {
    input[static_cast<std::size_t>(i)] = i;
  }
  std::vector<int> output(192);
  launch("reverse", reverse_kernel, {3, 64, shared_bytes_of<int>(64)}, kStream, input.data(),
         output.data(), with_barrier);
  return output;
}

TEST(CudaOnHost, ABarrierMakesWritesOfAllThreadsVisible) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    cuda_on_host::set_seed(seed);
    const std::vector<int> output = reversed(true);
    for (int i = 0; i < 192; ++i) {
      ASSERT_EQ(output[static_cast<std::size_t>(i)], i / 64 * 64 + 63 - i % 64);
    }
  }
}

TEST(CudaOnHost, AMissingBarrierShowsForEverySeed) {
  cuda_on_host::set_seed(0);
  const std::vector<int> right = reversed(true);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    cuda_on_host::set_seed(seed);
    EXPECT_NE(reversed(false), right) << seed;
  }
}

/// The second round overwrites what lanes of other warps may not have read yet.
void overtaking_kernel(unsigned* output, bool with_barrier) {
  SharedMemory shared;
  auto* const space = shared.take<unsigned>(1);
  for (unsigned round = 0; round < 2; ++round) {
    if (with_barrier) {
      __syncthreads();
    }
    const unsigned value = __shfl_xor_sync(0xFFFFFFFFU, round, 1);
    if (threadIdx.x == 0) {
      *space = value;
    }
    if (with_barrier || round == 0) {
      __syncthreads();
    }
    output[round * blockDim.x + threadIdx.x] = *space;
  }
}

TEST(CudaOnHost, AWarpMayOvertakeAnother) {
  std::vector<unsigned> right(192, 0);
  std::fill_n(right.begin() + 96, 96, 1U);
  int wrong = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    cuda_on_host::set_seed(seed);
    std::vector<unsigned> output(192);
    launch("overtaking", overtaking_kernel, {1, 96, 16}, kStream, output.data(), true);
    EXPECT_EQ(output, right);
    launch("overtaking", overtaking_kernel, {1, 96, 16}, kStream, output.data(), false);
    wrong += std::equal(output.begin(), output.begin() + 96, right.begin()) ? 0 : 1;
  }
  EXPECT_GT(wrong, 2) << "no lane saw the second round's value in the place of the first";
}

void warp_kernel(unsigned* sums, unsigned* from_next, int* counter) {
  unsigned value = threadIdx.x;
  for (int distance = 16; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(0xFFFFFFFFU, value, distance);
  }
  sums[threadIdx.x] = value;
  __syncwarp();
  from_next[threadIdx.x] = __shfl_down_sync(0xFFFFFFFFU, threadIdx.x, 1);
  atomicAdd(counter, __shfl_sync(0xFFFFFFFFU, 2, 5));
}

TEST(CudaOnHost, LanesOfAWarpExchangeValues) {
  std::vector<unsigned> sums(64);
  std::vector<unsigned> from_next(64);
  int counter = 0;
  launch("warp", warp_kernel, {1, 64}, kStream, sums.data(), from_next.data(), &counter);
  for (unsigned i = 0; i < 64; ++i) {
    EXPECT_EQ(sums[i], i < 32 ? 496U : 1520U);
    EXPECT_EQ(from_next[i], i % 32 == 31 ? i : i + 1);
  }
  EXPECT_EQ(counter, 128);
}

void static_kernel(int* output) {
  __shared__ int total;
  if (threadIdx.x == 0) {
    total = 0;
  }
  __syncthreads();
  atomicAdd(&total, static_cast<int>(threadIdx.x));
  __syncthreads();
  output[threadIdx.x] = total;
}

TEST(CudaOnHost, StaticSharedVariablesBelongToTheBlock) {
  std::vector<int> output(40);
  launch("static", static_kernel, {1, 40}, kStream, output.data());
  EXPECT_EQ(output, std::vector<int>(40, 780));
}

void barrier_in_a_branch() {
  if (threadIdx.x < 3) {
    __syncthreads();
  }
}
void exchange_in_a_branch() {
  if (threadIdx.x < 16) {
    __shfl_xor_sync(0xFFFFFFFFU, 1, 1);
  }
}
void exchange_beyond_its_mask() {
  if (threadIdx.x < 16) {
    __shfl_xor_sync(0xFFFFU, 1, 16);
  }
}
void takes_too_much() {
  SharedMemory shared;
  shared.take<float>(5);
}

std::string problem_of(void (*kernel)(), std::size_t shared_bytes = 0) {
  try {
    launch("faulty", kernel, {1, 32, shared_bytes}, kStream);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(CudaOnHost, ReportsWaitsThatNeverEndAndSharedMemoryThatIsNotThere) {
  EXPECT_EQ(
      problem_of(barrier_in_a_branch),
      "kernel faulty, block 0,0: 3 threads wait at a barrier, 0 for lanes of their warp and 29 "
      "have ended");
  EXPECT_NE(problem_of(exchange_in_a_branch).find("16 for lanes of their warp"), std::string::npos);
  EXPECT_NE(problem_of(exchange_beyond_its_mask).find("does not name"), std::string::npos);
  EXPECT_NE(problem_of(takes_too_much, 16).find("takes 32 bytes"), std::string::npos);
  EXPECT_EQ(problem_of(takes_too_much, 32), "");
}

}  // namespace
}  // namespace lambert
