// SPDX-License-Identifier: Apache-2.0
#include "comm/ring_announcement.h"

#include <algorithm>
#include <span>
#include <variant>

#include "base/hash.h"

namespace lambert {
namespace {

std::uint64_t bytes_of(const RingWork& work) {
  return std::visit([](auto values) { return values.size_bytes(); }, work.values);
}

}  // namespace

RingAnnouncement announce(const RingWork& work, const CollectiveId& id) {
  RingAnnouncement announcement{id.sequence,
                                bytes_of(work),
                                hash64(std::as_bytes(std::span(work.cuts))),
                                static_cast<std::uint64_t>(work.kind),
                                {}};
  const std::size_t length = std::min(id.name.size(), announcement.name.size() - 1);
  std::copy_n(id.name.begin(), length, announcement.name.begin());
  return announcement;
}

std::string describe(const RingAnnouncement& announcement) {
  constexpr std::array<const char*, 3> kKinds = {"all-reduce", "reduce-scatter", "all-gather"};
  return std::string(kKinds.at(announcement.kind % kKinds.size())) + " '" +
         std::string(announcement.name.data()) + "' #" + std::to_string(announcement.sequence) +
         " of " + std::to_string(announcement.bytes) + " bytes, cuts " +
         std::to_string(announcement.cuts_hash % 10000);
}

}  // namespace lambert
