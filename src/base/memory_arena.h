// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace lambert {

/// One range of addresses from which blocks are handed out and to which they return. The operating
/// system gives a page when it is first touched and never gets one back, so a step that repeats the
/// sizes of an earlier one asks it for nothing. Huge pages where the system allows them. Any
/// thread.
///
/// A block is taken from the smallest hole that holds it, the first of equals; neighbouring holes
/// are joined. A training step releases nearly in the reverse order of taking, so holes close
/// again.
class MemoryArena {
 public:
  static constexpr std::size_t kAlignment = 64;  // a cache line, and the widest vector

  /// Reserves addresses, not memory. Throws DeviceError when the system refuses.
  explicit MemoryArena(std::size_t reserved_bytes);
  ~MemoryArena();
  MemoryArena(const MemoryArena&) = delete;
  MemoryArena& operator=(const MemoryArena&) = delete;

  /// nullptr when no hole and not the rest of the range holds so many bytes.
  void* take(std::size_t bytes);
  /// block: from take(), once.
  void give_back(void* block);

  /// Bytes of the blocks that are out, rounded up to the alignment.
  std::size_t taken_bytes() const;
  /// How much of the range was ever in use: it stops growing when the steps repeat.
  std::size_t used_bytes() const;

 private:
  using Hole = std::pair<std::size_t, std::size_t>;  // size, offset: the order of choosing

  void add_hole(std::size_t offset, std::size_t size);
  void remove_hole(std::size_t offset, std::size_t size);

  std::byte* begin_ = nullptr;
  std::size_t reserved_ = 0;
  mutable std::mutex mutex_;                   // guards everything below
  std::map<std::size_t, std::size_t> blocks_;  // offset -> size, taken
  std::map<std::size_t, std::size_t> holes_;   // offset -> size, none at the end of used_
  std::set<Hole> holes_by_size_;
  std::size_t taken_ = 0;
  std::size_t top_ = 0;   // end of the last block
  std::size_t used_ = 0;  // largest top_ so far
};

}  // namespace lambert
