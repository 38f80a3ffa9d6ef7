// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace lambert {

/// What the run is doing right now, for failure.json. Owned by the command, written by the main
/// thread.
struct RunProgress {
  const char* work = "init";  // init, data, forward, reduce, optimizer, save, or an evaluation's
  std::int64_t global_step = 0;
  std::int64_t last_committed_step = -1;  // -1: no checkpoint yet
};

}  // namespace lambert
