// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "comm/communicator.h"
#include "config/run_config.h"

namespace lambert {

/// Which ranks share a machine.
struct Machines {
  std::vector<int> machine_of;  // by rank; numbered from 0 in the order of their first ranks

  int ranks() const { return static_cast<int>(machine_of.size()); }
  int count() const;
  std::vector<int> ranks_of(int machine) const;  // ascending
  /// True when every machine has the same number of ranks.
  bool are_alike() const;
};

/// labels: by rank, any number that ranks of a machine share.
Machines number_machines(const std::vector<int>& labels);

/// What the environment variable LAMBERT_MACHINES says ("0,0,1,1": a machine of each rank), so that
/// one machine can stand for several in tests and benchmarks; else `found`. Throws ConfigError.
Machines pretended_machines(const Machines& found);

/// Whether sums are taken machine by machine. Throws ConfigError when that is asked for and the
/// machines have different numbers of ranks.
bool choose_hierarchical(AutoFlag wanted, const Machines& machines);

}  // namespace lambert
