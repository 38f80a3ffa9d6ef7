// SPDX-License-Identifier: Apache-2.0
// What the launcher says in environment variables, before any communicator exists.
#pragma once

namespace lambert {

/// True when a launcher (mpirun, srun) started this process as one of several ranks.
bool started_by_launcher();

/// This process's rank as its launcher names it; 0 without a launcher.
int launch_rank();

/// Ranks that the launcher started; 1 without a launcher.
int launched_rank_count();

/// Number of this process among the ranks of its machine, from 0: the CUDA device it takes. 0
/// without a launcher. Throws ConfigError when several ranks were started and nothing says which
/// this is: otherwise all would take the same device.
int launch_local_rank();

/// torchrun's variables say that this is one of several processes, and no launcher of MPI does.
bool started_by_torchrun_alone();

}  // namespace lambert
