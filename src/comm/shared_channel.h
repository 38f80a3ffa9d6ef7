// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "comm/link.h"

namespace lambert {

/// One direction between two ranks of a machine: a queue of Link::kSlots messages in memory that
/// both see. The sender copies a message in, the receiver reads it where it lies: one copy less
/// than through a message library. Does not own the memory. One thread sends, one receives; the
/// caller waits for can_send and can_receive.
class SharedChannel {
 public:
  static std::size_t memory_bytes(std::size_t slot_bytes);
  /// memory: memory_bytes(slot_bytes), aligned to 64, zero before the first use, the same for both
  /// sides.
  SharedChannel(std::byte* memory, std::size_t slot_bytes)
      : counters_(reinterpret_cast<Counters*>(memory)),
        slots_(memory + sizeof(Counters)),
        slot_bytes_(slot_bytes) {}

  bool can_send() const;
  void send(std::span<const std::byte> message);
  bool can_receive() const;
  /// The oldest message; stays until drop_front().
  std::span<const std::byte> front(std::size_t byte_count) const;
  void drop_front();

 private:
  /// Each side writes one counter, on a cache line of its own.
  struct Counters {
    alignas(64) std::atomic<std::uint64_t> sent;
    alignas(64) std::atomic<std::uint64_t> taken;
  };
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "shared between processes");

  Counters* counters_;
  std::byte* slots_;  // (kSlots, slot_bytes)
  std::size_t slot_bytes_;
};

}  // namespace lambert
