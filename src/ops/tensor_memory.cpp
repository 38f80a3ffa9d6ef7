// SPDX-License-Identifier: Apache-2.0
#include "ops/tensor_memory.h"

#include <c10/core/CPUAllocator.h>
#include <unistd.h>

#include "base/memory_arena.h"
#include "base/process_memory.h"

namespace lambert {
namespace {

/// Smaller ones are numbers and short lists; malloc keeps those by itself.
constexpr std::size_t kSmallestInArena = std::size_t{16} << 10;

std::size_t physical_memory_bytes() {
  return static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// LibTorch keeps a pointer to its allocator for the life of the process, and tensors may live as
/// long: so this object is never destroyed.
class ArenaAllocator final : public c10::Allocator {
 public:
  ArenaAllocator() : arena_(physical_memory_bytes()), others_(c10::GetDefaultCPUAllocator()) {}

  c10::DataPtr allocate(std::size_t bytes) override {
    void* const block = bytes >= kSmallestInArena ? arena_.take(bytes) : nullptr;
    if (block == nullptr) {
      return others_->allocate(bytes);
    }
    return {block, block, give_back, c10::Device(c10::DeviceType::CPU)};
  }

  void copy_data(void* target, const void* source, std::size_t bytes) const override {
    default_copy_data(target, source, bytes);
  }

  const MemoryArena& arena() const { return arena_; }

 private:
  static void give_back(void* block);

  MemoryArena arena_;
  c10::Allocator* others_;
};

ArenaAllocator*& installed() {
  static ArenaAllocator* allocator = nullptr;
  return allocator;
}

void ArenaAllocator::give_back(void* block) {
  installed()->arena_.give_back(block);
}

}  // namespace

void keep_tensor_memory() {
  keep_freed_memory();
  if (installed() == nullptr) {
    installed() = new ArenaAllocator;
    c10::SetCPUAllocator(installed());
  }
}

std::size_t kept_tensor_bytes() {
  return installed() == nullptr ? 0 : installed()->arena().used_bytes();
}

}  // namespace lambert
