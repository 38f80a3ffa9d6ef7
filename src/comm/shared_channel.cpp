// SPDX-License-Identifier: Apache-2.0
#include "comm/shared_channel.h"

#include <cstring>

namespace lambert {

std::size_t SharedChannel::memory_bytes(std::size_t slot_bytes) {
  return sizeof(Counters) + Link::kSlots * slot_bytes;
}

bool SharedChannel::can_send() const {
  return counters_->sent.load(std::memory_order_relaxed) -
             counters_->taken.load(std::memory_order_acquire) <
         Link::kSlots;
}

void SharedChannel::send(std::span<const std::byte> message) {
  const std::uint64_t sent = counters_->sent.load(std::memory_order_relaxed);
  std::memcpy(slots_ + sent % Link::kSlots * slot_bytes_, message.data(), message.size());
  counters_->sent.store(sent + 1, std::memory_order_release);
}

bool SharedChannel::can_receive() const {
  return counters_->sent.load(std::memory_order_acquire) !=
         counters_->taken.load(std::memory_order_relaxed);
}

std::span<const std::byte> SharedChannel::front(std::size_t byte_count) const {
  const std::uint64_t taken = counters_->taken.load(std::memory_order_relaxed);
  return {slots_ + taken % Link::kSlots * slot_bytes_, byte_count};
}

void SharedChannel::drop_front() {
  const std::uint64_t taken = counters_->taken.load(std::memory_order_relaxed);
  counters_->taken.store(taken + 1, std::memory_order_release);
}

}  // namespace lambert
