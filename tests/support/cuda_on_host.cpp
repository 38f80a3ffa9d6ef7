// SPDX-License-Identifier: Apache-2.0
#include "support/cuda_on_host.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <span>
#include <stdexcept>
#include <vector>

#include <ucontext.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

namespace lambert::cuda_on_host {
namespace {

constexpr std::size_t kStackBytes = 128 * 1024;
constexpr unsigned kWarpSize = 32;

enum class State { ready, waits_for_block, waits_for_warp, ended };

struct Fiber {
  ucontext_t context{};
  std::unique_ptr<std::byte[]> stack;  // NOLINT(modernize-avoid-c-arrays): sized at run time
  void* sanitizer_stack = nullptr;     // AddressSanitizer's, while the fiber does not run
  State state = State::ended;
  // While it waits for its warp: for which lanes, what it hands in and from which lane it receives.
  unsigned mask = 0;
  std::uint64_t bits = 0;
  unsigned source = 0;
  std::uint64_t received = 0;
};

struct SharedArray {
  std::unique_ptr<std::byte[]> memory;  // NOLINT(modernize-avoid-c-arrays): exact size
  std::size_t bytes = 0;
};

/// All of the stand-in's state. Blocks run one at a time on one thread.
struct Device {
  std::mt19937_64 random{1};
  std::vector<Fiber> fibers;
  ucontext_t scheduler{};
  void* scheduler_sanitizer_stack = nullptr;
  const void* scheduler_stack = nullptr;  // bounds as AddressSanitizer knows them
  std::size_t scheduler_stack_bytes = 0;
  std::size_t current = 0;
  std::size_t thread_count = 0;
  const std::function<void()>* body = nullptr;
  std::vector<SharedArray> shared;
  std::size_t shared_used = 0;
  std::size_t shared_limit = 0;
  std::string problem;
};

Device& device() {
  static Device instance;
  return instance;
}

#ifdef __SANITIZE_ADDRESS__
void leaves_stack(void** saved, const void* bottom, std::size_t bytes) {
  __sanitizer_start_switch_fiber(saved, bottom, bytes);
}
void arrived_on_stack(void* saved, const void** old_bottom, std::size_t* old_bytes) {
  __sanitizer_finish_switch_fiber(saved, old_bottom, old_bytes);
}
#else
void leaves_stack(void**, const void*, std::size_t) {}
void arrived_on_stack(void*, const void**, std::size_t*) {}
#endif

Fiber& current_fiber() {
  return device().fibers[device().current];
}

/// From a fiber back to the scheduler; returns when the fiber is chosen again.
void yield_as(State state) {
  Device& d = device();
  Fiber& fiber = current_fiber();
  fiber.state = state;
  leaves_stack(state == State::ended ? nullptr : &fiber.sanitizer_stack, d.scheduler_stack,
               d.scheduler_stack_bytes);
  swapcontext(&fiber.context, &d.scheduler);
  arrived_on_stack(fiber.sanitizer_stack, nullptr, nullptr);
}

void fiber_main() {
  Device& d = device();
  arrived_on_stack(nullptr, &d.scheduler_stack, &d.scheduler_stack_bytes);
  (*d.body)();
  yield_as(State::ended);
}

dim3 index_of(std::size_t number, const dim3& size) {
  const auto n = static_cast<unsigned>(number);
  return {n % size.x, n / size.x % size.y, n / size.x / size.y};
}

void resume(std::size_t thread) {
  Device& d = device();
  Fiber& fiber = d.fibers[thread];
  d.current = thread;
  threadIdx = index_of(thread, blockDim);
  leaves_stack(&d.scheduler_sanitizer_stack, fiber.stack.get(), kStackBytes);
  swapcontext(&d.scheduler, &fiber.context);
  arrived_on_stack(d.scheduler_sanitizer_stack, nullptr, nullptr);
}

/// Not inlined: getcontext() may return twice as far as the compiler knows, which then warns of
/// every variable of the function that calls it.
[[gnu::noinline]] void prepare(Fiber& fiber) {
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = kStackBytes;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, fiber_main, 0);
  fiber.state = State::ready;
  fiber.sanitizer_stack = nullptr;
}

void start_fibers(std::size_t count) {
  Device& d = device();
  if (d.fibers.size() < count) {
    d.fibers.resize(count);
  }
  for (std::size_t i = 0; i < count; ++i) {
    Fiber& fiber = d.fibers[i];
    if (fiber.stack == nullptr) {
      fiber.stack = std::make_unique_for_overwrite<std::byte[]>(  // NOLINT: see the member
          kStackBytes);
    }
    prepare(fiber);
  }
  d.thread_count = count;
}

std::size_t count_in(State state) {
  const Device& d = device();
  return static_cast<std::size_t>(std::count_if(
      d.fibers.begin(), d.fibers.begin() + static_cast<std::ptrdiff_t>(d.thread_count),
      [&](const Fiber& fiber) { return fiber.state == state; }));
}

/// Whether all lanes that `fiber` waits for wait for the same lanes.
bool warp_is_complete(std::size_t thread) {
  const Device& d = device();
  const std::size_t first = thread / kWarpSize * kWarpSize;
  const unsigned mask = d.fibers[thread].mask;
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    if (((mask >> lane) & 1U) == 0) {
      continue;
    }
    // A warp that is shorter than its mask says is what the device leaves undefined.
    if (first + lane >= d.thread_count || d.fibers[first + lane].state != State::waits_for_warp ||
        d.fibers[first + lane].mask != mask) {
      return false;
    }
  }
  return true;
}

void release_warp(std::size_t thread) {
  Device& d = device();
  const std::size_t first = thread / kWarpSize * kWarpSize;
  const unsigned mask = d.fibers[thread].mask;
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    if (((mask >> lane) & 1U) != 0) {
      Fiber& fiber = d.fibers[first + lane];
      fiber.state = State::ready;
      fiber.received = d.fibers[first + fiber.source].bits;
    }
  }
}

/// Makes lanes of the warp ready whose wait for each other is over; false when there are none.
bool release_lanes(std::size_t warp) {
  Device& d = device();
  bool released = false;
  const std::size_t end = std::min(d.thread_count, (warp + 1) * kWarpSize);
  for (std::size_t thread = warp * kWarpSize; thread < end; ++thread) {
    if (d.fibers[thread].state == State::waits_for_warp && warp_is_complete(thread)) {
      release_warp(thread);
      released = true;
    }
  }
  return released;
}

/// Every thread once that is ready. order: a permutation of them.
void run_ready(std::span<const std::size_t> order) {
  for (const std::size_t thread : order) {
    if (device().fibers[thread].state == State::ready) {
      resume(thread);
    }
  }
}

/// All threads as far as they come without a barrier of the block. Either all warps side by side,
/// or one warp after the other, as far apart as warps can be.
void run_to_barrier(bool side_by_side) {
  Device& d = device();
  const std::size_t warps = (d.thread_count + kWarpSize - 1) / kWarpSize;
  std::vector<std::size_t> order(side_by_side ? 1 : warps);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::shuffle(order.begin(), order.end(), d.random);
  for (const std::size_t part : order) {
    const std::size_t first_warp = side_by_side ? 0 : part;
    const std::size_t end_warp = side_by_side ? warps : part + 1;
    std::vector<std::size_t> threads(std::min(d.thread_count, end_warp * kWarpSize) -
                                     first_warp * kWarpSize);
    std::iota(threads.begin(), threads.end(), first_warp * kWarpSize);
    bool goes_on = true;
    while (goes_on) {
      std::shuffle(threads.begin(), threads.end(), d.random);
      run_ready(threads);
      goes_on = false;
      for (std::size_t warp = first_warp; warp < end_warp; ++warp) {
        goes_on = release_lanes(warp) || goes_on;
      }
    }
  }
}

void run_block(const std::string& kernel) {
  Device& d = device();
  d.shared.clear();
  d.shared_used = 0;
  const bool side_by_side = d.random() % 2 == 0;
  while (count_in(State::ended) < d.thread_count && d.problem.empty()) {
    run_to_barrier(side_by_side);
    const std::size_t ended = count_in(State::ended);
    const std::size_t waiting = count_in(State::waits_for_block);
    if (waiting == d.thread_count) {
      for (std::size_t thread = 0; thread < d.thread_count; ++thread) {
        d.fibers[thread].state = State::ready;
      }
    } else if (ended < d.thread_count && d.problem.empty()) {
      d.problem = std::to_string(waiting) + " threads wait at a barrier, " +
                  std::to_string(count_in(State::waits_for_warp)) +
                  " for lanes of their warp and " + std::to_string(ended) + " have ended";
    }
  }
  if (!d.problem.empty()) {
    const std::string problem = "kernel " + kernel + ", block " + std::to_string(blockIdx.x) + "," +
                                std::to_string(blockIdx.y) + ": " + d.problem;
    d.problem.clear();
    throw std::runtime_error(problem);
  }
}

}  // namespace

void set_seed(std::uint64_t seed) {
  device().random.seed(seed);
}

void run(const std::string& kernel, const dim3& grid, const dim3& block, std::size_t shared_bytes,
         const std::function<void()>& body) {
  static std::mutex one_launch;  // ranks that are threads share the device
  const std::lock_guard lock(one_launch);
  Device& d = device();
  const std::size_t blocks = std::size_t{grid.x} * grid.y * grid.z;
  const std::size_t threads = std::size_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > 1024 || blocks == 0 || grid.y > 65535 || grid.z > 65535) {
    throw std::runtime_error("kernel " + kernel + ": a launch that no device takes");
  }
  gridDim = grid;
  blockDim = block;
  d.body = &body;
  d.shared_limit = shared_bytes;
  std::vector<std::size_t> order(blocks);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::shuffle(order.begin(), order.end(), d.random);
  for (const std::size_t number : order) {
    blockIdx = index_of(number, grid);
    start_fibers(threads);
    run_block(kernel);
  }
}

void* shared_array(std::size_t index, std::size_t bytes) {
  Device& d = device();
  constexpr std::size_t kAlignment = 16;  // kSharedAlignment of cuda_device.h
  if (index == d.shared.size()) {
    SharedArray array;
    array.memory = std::make_unique_for_overwrite<std::byte[]>(bytes);  // NOLINT: see the member
    array.bytes = bytes;
    std::memset(array.memory.get(), 0xFF, bytes);
    d.shared.push_back(std::move(array));
    d.shared_used += (bytes + kAlignment - 1) / kAlignment * kAlignment;
    if (d.shared_used > d.shared_limit) {
      d.problem = "takes " + std::to_string(d.shared_used) +
                  " bytes of shared memory, launched with " + std::to_string(d.shared_limit);
    }
  } else if (d.shared[index].bytes != bytes) {
    d.problem = "threads disagree about the size of a shared array";
  }
  return d.shared[index].memory.get();
}

void wait_for_block() {
  yield_as(State::waits_for_block);
}

void wait_for_warp(unsigned mask) {
  exchange(mask, 0, lane_index());
}

unsigned lane_index() {
  return static_cast<unsigned>(device().current % kWarpSize);
}

std::uint64_t exchange(unsigned mask, std::uint64_t bits, unsigned source) {
  Fiber& fiber = current_fiber();
  if (((mask >> lane_index()) & 1U) == 0 || source >= kWarpSize || ((mask >> source) & 1U) == 0) {
    device().problem = "an exchange with a lane that its mask does not name";
    return bits;
  }
  fiber.mask = mask;
  fiber.bits = bits;
  fiber.source = source;
  yield_as(State::waits_for_warp);
  return fiber.received;
}

}  // namespace lambert::cuda_on_host
