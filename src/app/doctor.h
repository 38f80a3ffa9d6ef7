// SPDX-License-Identifier: Apache-2.0
// What lambert doctor looks at. Nothing here changes the machine or needs LibTorch.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app/nvidia_driver.h"
#include "base/error.h"

namespace lambert {

enum class FindingState { ok, warning, missing };

/// One line of the table, in words that a beginner can act on.
struct Finding {
  std::string name;
  FindingState state = FindingState::ok;
  std::string found;
  std::string advice = {};             // empty when there is nothing to do
  ExitCode code = ExitCode::finished;  // other: no training on this machine before it is mended
};

/// "12.3 GiB".
std::string gibibytes_text(double bytes);

/// Processor, cores and threads, memory, pages, shared memory, NUMA, clocks.
std::vector<Finding> examine_machine();
/// Whether checkpoints and the lock of a run can live in the folder: what training does to its
/// files is tried on one of its own.
std::vector<Finding> examine_storage(const std::filesystem::path& folder);
/// LibTorch, the matmul library, MPI and what launchers set.
std::vector<Finding> examine_libraries();

/// What the machine has of NVIDIA's, and this program of CUDA.
struct GpuFindings {
  std::vector<Finding> findings;
  NvidiaDriver driver;
  bool can_train = false;
};
GpuFindings examine_gpus();

/// lambert doctor --net: prints the sweep on rank 0. Throws ConfigError for a single rank.
int run_network_sweep(const struct DoctorOptions& options);

}  // namespace lambert
