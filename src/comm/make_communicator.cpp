// SPDX-License-Identifier: Apache-2.0
#include "comm/make_communicator.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <mpi.h>
#include <unistd.h>

#include "base/error.h"
#include "comm/exit_timer.h"
#include "comm/mpi_communicator.h"

namespace lambert {
namespace {

/// Value of an environment variable as a number; 0 when it is not set.
long environment_count(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? 0 : std::strtol(text, nullptr, 10);
}

bool is_set(const char* name) {
  return std::getenv(name) != nullptr;
}

}  // namespace

int launched_rank_count() {
  // Set by: Open MPI's mpirun; MPICH, Intel MPI and srun --mpi=pmi2; MVAPICH2.
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"}) {
    if (environment_count(name) > 1) {
      return static_cast<int>(environment_count(name));
    }
  }
  // Slurm sets its task count in a plain allocation shell too; only launched tasks have a PMI rank.
  const bool launched_task = is_set("PMIX_RANK") || is_set("PMI_RANK");
  return launched_task ? static_cast<int>(std::max(environment_count("SLURM_NTASKS"), 1L)) : 1;
}

bool started_by_launcher() {
  return launched_rank_count() > 1;
}

int launch_rank() {
  for (const char* name :
       {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK"}) {
    if (is_set(name)) {
      return static_cast<int>(environment_count(name));
    }
  }
  return 0;
}

std::unique_ptr<Communicator> make_communicator(const CommConfig& config) {
  if (!(config.timeout_seconds > 0)) {
    throw ConfigError("connecting the ranks: communication.timeout_seconds is " +
                      std::to_string(config.timeout_seconds) + "; give a number above 0");
  }
  const bool several = started_by_launcher();
  switch (config.backend) {
    case Backend::single:
      if (several) {
        throw ConfigError(
            "connecting the ranks: communication.backend is single but a launcher started several "
            "ranks; they would all do the same run: choose auto or mpi, or start one process");
      }
      return make_single_communicator();
    case Backend::mpi:
      return std::make_unique<MpiCommunicator>(config);
    case Backend::automatic:
      break;
  }
  if (several) {
    return std::make_unique<MpiCommunicator>(config);
  }
  return make_single_communicator();
}

void abort_job(int exit_code) {
  // MPI_Abort talks to the launcher and may not come back when the network is gone.
  constexpr double kAbortSeconds = 3.0;
  int initialized = 0;
  int finalized = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  if (initialized != 0 && finalized == 0) {
    const ExitTimer timer(kAbortSeconds, exit_code, "aborting the job");
    MPI_Abort(MPI_COMM_WORLD, exit_code);
  }
  _exit(exit_code);
}

std::string mpi_library_version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  const std::string all(text.data(), static_cast<std::size_t>(length));
  return all.substr(0, all.find_first_of(std::string("\n\0", 2)));
}

}  // namespace lambert
