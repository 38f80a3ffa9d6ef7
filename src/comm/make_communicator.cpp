// SPDX-License-Identifier: Apache-2.0
#include "comm/make_communicator.h"

#include <array>

#include <mpi.h>
#include <unistd.h>

#include "base/error.h"
#include "comm/exit_timer.h"
#include "comm/mpi_communicator.h"
#include "comm/nccl_communicator.h"

namespace lambert {
namespace {

/// What backend stands for on this device and under this launcher.
Backend resolve(Backend backend, bool is_cuda, bool several) {
  if (backend != Backend::automatic) {
    return backend;
  }
  if (!several) {
    return Backend::single;
  }
  return is_cuda ? Backend::nccl : Backend::mpi;
}

void check_choice(Backend backend, bool is_cuda, bool several) {
  if (started_by_torchrun_alone()) {
    throw ConfigError(
        "connecting the ranks: torchrun started several processes (WORLD_SIZE is above 1), but "
        "Lambert's ranks find each other through MPI; start with mpirun -n RANKS or with srun");
  }
  if (backend == Backend::single && several) {
    throw ConfigError(
        "connecting the ranks: communication.backend is single but a launcher started several "
        "ranks; they would all do the same run: choose auto or mpi, or start one process");
  }
  if (backend == Backend::nccl && !is_cuda) {
    throw ConfigError(
        "connecting the ranks: communication.backend is nccl, which moves the memory of CUDA "
        "devices, but this run computes on the CPU; choose auto or mpi, or a CUDA device");
  }
  if (backend == Backend::mpi && is_cuda) {
    throw ConfigError(
        "connecting the ranks: communication.backend is mpi, whose ring sums host memory, but this "
        "run computes on CUDA devices; choose auto or nccl");
  }
}

}  // namespace

std::unique_ptr<Communicator> make_communicator(const CommConfig& config,
                                                const CommDevice& device) {
  if (!(config.timeout_seconds > 0)) {
    throw ConfigError("connecting the ranks: communication.timeout_seconds is " +
                      std::to_string(config.timeout_seconds) + "; give a number above 0");
  }
  const bool several = started_by_launcher();
  const Backend backend = resolve(config.backend, device.is_cuda, several);
  check_choice(backend, device.is_cuda, several);
  if (backend == Backend::nccl) {
    return std::make_unique<NcclCommunicator>(config, device);
  }
  if (backend == Backend::mpi) {
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
