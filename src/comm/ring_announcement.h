// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "comm/communicator.h"
#include "comm/link.h"

namespace lambert {

/// What a rank tells its right neighbour before its work.
struct RingAnnouncement {
  std::uint64_t sequence = 0;
  std::uint64_t bytes = 0;
  std::uint64_t cuts_hash = 0;
  std::uint64_t kind = 0;
  std::array<char, 48> name = {};
};

RingAnnouncement announce(const RingWork& work, const CollectiveId& id);

/// For error messages.
std::string describe(const RingAnnouncement& announcement);

}  // namespace lambert
