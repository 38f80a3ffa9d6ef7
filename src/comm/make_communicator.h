// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "comm/communicator.h"
#include "config/run_config.h"

namespace lambert {

/// True when a launcher (mpirun, srun) started this process as one of several ranks.
bool started_by_launcher();

/// This process's rank as its launcher names it, before any communicator exists; 0 without a
/// launcher.
int launch_rank();

/// Ranks that the launcher started; 1 without a launcher.
int launched_rank_count();

/// backend automatic: mpi when started by a launcher, else single. Initialises MPI as an owned
/// object: the communicator finalises it. Throws ConfigError for an impossible choice, CommError
/// for MPI failures.
std::unique_ptr<Communicator> make_communicator(const CommConfig& config);

/// First line of what the MPI library says of itself: "Open MPI v4.1.4, ...".
std::string mpi_library_version();

/// Ends all ranks of the job with this exit code (MPI_Abort); without MPI ends this process. Used
/// by main only.
[[noreturn]] void abort_job(int exit_code);

}  // namespace lambert
