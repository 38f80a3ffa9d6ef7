// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "comm/communicator.h"
#include "config/run_config.h"

namespace lambert {

/// Sets the number of compute threads of this rank and returns it: threads_per_rank, or the
/// cores this process may use divided by the ranks of this machine that may use the same ones.
std::int64_t set_compute_threads(std::int64_t threads_per_rank, Communicator& communicator);

}  // namespace lambert
