// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fstream>

#include <unistd.h>

#include "app/doctor.h"
#include "app/versions.h"
#include "comm/make_communicator.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

bool is_set(const char* name) {
  return std::getenv(name) != nullptr;
}

/// The file that the loader took for a library; empty when none is loaded.
std::string loaded_file(const std::string& library) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const std::size_t path = line.find('/');
    if (path != std::string::npos && line.find("/" + library, path) != std::string::npos) {
      return line.substr(path);
    }
  }
  return "";
}

std::string find_program(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::string folders = path == nullptr ? "" : path;
  while (!folders.empty()) {
    const std::size_t colon = folders.find(':');
    const std::string candidate = folders.substr(0, colon) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
    folders = colon == std::string::npos ? "" : folders.substr(colon + 1);
  }
  return "";
}

std::string version_of(const std::string& library) {
  for (const auto& [name, version] : library_versions()) {
    if (name == library) {
      return version;
    }
  }
  return "unknown";
}

Finding examine_launcher() {
  const std::string mpirun = find_program("mpirun");
  if (mpirun.empty()) {
    return {"launcher", FindingState::warning, "no mpirun in PATH",
            "one rank runs without it; for several install openmpi-bin, or load your cluster's "
            "module of Open MPI"};
  }
  Finding finding{"launcher", FindingState::ok, mpirun};
  if (::geteuid() == 0 && !is_set("OMPI_ALLOW_RUN_AS_ROOT")) {
    finding.state = FindingState::warning;
    finding.advice =
        "mpirun refuses to run as root: start ranks with scripts/launch.sh, which "
        "allows it, or work as another user";
  }
  return finding;
}

Finding examine_ranks() {
  if (started_by_launcher()) {
    return {"ranks", FindingState::ok,
            std::to_string(launched_rank_count()) + ", started by a launcher"};
  }
  Finding finding{"ranks", FindingState::ok, "one: started without a launcher"};
  if (std::getenv("SLURM_JOB_ID") != nullptr && std::getenv("SLURM_STEP_ID") != nullptr) {
    finding.state = FindingState::warning;
    finding.advice =
        "this is a Slurm step, but Slurm did not tell MPI so: use srun --mpi=pmix, or "
        "mpirun inside the job";
  } else {
    finding.advice = "to see whether several find each other: mpirun -n 2 lambert doctor --net";
  }
  return finding;
}

}  // namespace

std::vector<Finding> examine_libraries() {
  return {{"LibTorch", FindingState::ok,
           version_of("libtorch") + ", " + loaded_file("libtorch_cpu.so")},
          {"matrix products", FindingState::ok, version_of("matmul")},
          {"OpenMP", FindingState::ok, loaded_file("libgomp")},
          {"MPI", FindingState::ok, version_of("mpi")},
          examine_launcher(),
          examine_ranks()};
}

}  // namespace lambert
