// SPDX-License-Identifier: Apache-2.0
#include "base/memory_arena.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <string>

#include <sys/mman.h>

#include "base/error.h"

namespace lambert {

MemoryArena::MemoryArena(std::size_t reserved_bytes) : reserved_(reserved_bytes) {
  void* const range = ::mmap(nullptr, reserved_, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) {
    throw DeviceError("reserving " + std::to_string(reserved_) +
                      " bytes of addresses for tensors: " + std::strerror(errno) +
                      "; raise the limit of the address space (ulimit -v)");
  }
  begin_ = static_cast<std::byte*>(range);
  ::madvise(range, reserved_, MADV_HUGEPAGE);  // a wish; without it the pages are small
}

MemoryArena::~MemoryArena() {
  ::munmap(begin_, reserved_);
}

void MemoryArena::add_hole(std::size_t offset, std::size_t size) {
  holes_.emplace(offset, size);
  holes_by_size_.emplace(size, offset);
}

void MemoryArena::remove_hole(std::size_t offset, std::size_t size) {
  holes_.erase(offset);
  holes_by_size_.erase({size, offset});
}

void* MemoryArena::take(std::size_t bytes) {
  const std::size_t size =
      (std::max<std::size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  const std::lock_guard lock(mutex_);
  std::size_t offset = top_;
  if (const auto hole = holes_by_size_.lower_bound({size, 0}); hole != holes_by_size_.end()) {
    const std::size_t hole_size = hole->first;
    offset = hole->second;
    remove_hole(offset, hole_size);
    if (hole_size > size) {
      add_hole(offset + size, hole_size - size);
    }
  } else if (size > reserved_ - top_) {
    return nullptr;
  } else {
    top_ += size;
    used_ = std::max(used_, top_);
  }
  blocks_.emplace(offset, size);
  taken_ += size;
  return begin_ + offset;
}

void MemoryArena::give_back(void* block) {
  const auto given = static_cast<std::size_t>(static_cast<std::byte*>(block) - begin_);
  const std::lock_guard lock(mutex_);
  const auto found = blocks_.find(given);
  LAMBERT_CHECK(found != blocks_.end(), "a block returns that the arena did not hand out");
  std::size_t offset = found->first;
  std::size_t size = found->second;
  blocks_.erase(found);
  taken_ -= size;
  if (const auto after = holes_.find(offset + size); after != holes_.end()) {
    const std::size_t after_size = after->second;
    remove_hole(offset + size, after_size);
    size += after_size;
  }
  if (const auto next = holes_.lower_bound(offset); next != holes_.begin()) {
    const auto [before, before_size] = *std::prev(next);
    if (before + before_size == offset) {
      remove_hole(before, before_size);
      offset = before;
      size += before_size;
    }
  }
  if (offset + size == top_) {
    top_ = offset;
  } else {
    add_hole(offset, size);
  }
}

std::size_t MemoryArena::taken_bytes() const {
  const std::lock_guard lock(mutex_);
  return taken_;
}

std::size_t MemoryArena::used_bytes() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

}  // namespace lambert
