// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "base/clock.h"
#include "comm/communicator.h"

namespace lambert {

/// Runs once on all ranks, which start together; seconds of the slowest rank, the same on all.
template <typename Collective>
double timed(Communicator& communicator, const Collective& collective) {
  communicator.barrier();
  const Stopwatch stopwatch;
  collective();
  std::array<double, 1> seconds = {stopwatch.seconds()};
  communicator.all_reduce_max(seconds);
  return seconds.front();
}

}  // namespace lambert
