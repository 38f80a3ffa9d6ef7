// SPDX-License-Identifier: Apache-2.0
#include "comm/launcher.h"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>

#include "base/error.h"

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

/// The first of these variables that is set, or null.
const char* first_set(std::initializer_list<const char*> names) {
  const auto* const found = std::find_if(names.begin(), names.end(), is_set);
  return found == names.end() ? nullptr : *found;
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
  const char* name =
      first_set({"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK"});
  return name == nullptr ? 0 : static_cast<int>(environment_count(name));
}

int launch_local_rank() {
  if (!started_by_launcher()) {
    return 0;
  }
  // Set by: Open MPI; MPICH and Intel MPI; MVAPICH2; Slurm, whose PMIx sets no local rank of its
  // own; PyTorch's launchers, should mpirun or srun run below them.
  const char* name = first_set({"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID",
                                "MV2_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID", "LOCAL_RANK"});
  if (name == nullptr) {
    throw ConfigError(
        "choosing a CUDA device for each rank: none of OMPI_COMM_WORLD_LOCAL_RANK, "
        "MPI_LOCALRANKID, "
        "MV2_COMM_WORLD_LOCAL_RANK, SLURM_LOCALID and LOCAL_RANK is set, so this rank does not "
        "know "
        "its number on this machine; start with mpirun or srun, or set LOCAL_RANK for each rank");
  }
  return static_cast<int>(environment_count(name));
}

bool started_by_torchrun_alone() {
  return !started_by_launcher() && environment_count("WORLD_SIZE") > 1 && is_set("RANK") &&
         is_set("LOCAL_RANK");
}

}  // namespace lambert
