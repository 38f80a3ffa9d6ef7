// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "comm/comm_device.h"
#include "comm/communicator.h"
#include "comm/launcher.h"
#include "config/run_config.h"

namespace lambert {

/// backend automatic: one process: single; several: nccl on CUDA devices, else mpi. Initialises MPI
/// as an owned object: the communicator finalises it. Throws ConfigError for an impossible choice,
/// DeviceError when NCCL or CUDA is missing, CommError for MPI and NCCL failures.
std::unique_ptr<Communicator> make_communicator(const CommConfig& config,
                                                const CommDevice& device = {});

/// First line of what the MPI library says of itself: "Open MPI v4.1.4, ...".
std::string mpi_library_version();

/// Ends all ranks of the job with this exit code (MPI_Abort); without MPI ends this process. Used
/// by main only.
[[noreturn]] void abort_job(int exit_code);

}  // namespace lambert
