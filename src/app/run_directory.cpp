// SPDX-License-Identifier: Apache-2.0
#include "app/run_directory.h"

#include <filesystem>

#include "base/log.h"

namespace lambert {

namespace fs = std::filesystem;

std::unique_ptr<RunLock> claim_output_directory(const std::string& output_dir,
                                                Communicator& communicator,
                                                FileSystem& file_system) {
  std::unique_ptr<RunLock> lock;
  if (communicator.rank() == 0) {
    file_system.create_directory(output_dir);
    lock = std::make_unique<RunLock>(output_dir);
    file_system.remove_all(fs::path(output_dir) / "failure.json");  // of an earlier launch
    if (communicator.size() > 1) {
      file_system.create_directory(fs::path(output_dir) / "logs");
    }
  }
  communicator.barrier();
  const std::string number = std::to_string(communicator.rank());
  const std::string log_file =
      communicator.rank() == 0
          ? "train.log"
          : "logs/rank" + std::string(number.size() < 4 ? 4 - number.size() : 0, '0') + number +
                ".log";
  start_logging(
      {communicator.rank(), communicator.size(), (fs::path(output_dir) / log_file).string()});
  if (lock && !lock->previous_holder().empty()) {
    log_warning("taking over the lock of a run that ended without releasing it: " +
                lock->previous_holder());
  }
  return lock;
}

std::vector<NamedTensor> bind_weights(const std::vector<ModelParameter>& parameters) {
  std::vector<NamedTensor> tensors;
  for (const ModelParameter& parameter : parameters) {
    tensors.push_back({parameter.name, parameter.master.detach()});
  }
  return tensors;
}

std::vector<NamedTensor> bind_moments(Optimizer& optimizer) {
  std::vector<NamedTensor> tensors;
  for (const OptimizerMoments& moments : optimizer.moments()) {
    tensors.push_back({moments.name + ".exp_avg", moments.first});
    if (moments.second.defined()) {
      tensors.push_back({moments.name + ".exp_avg_sq", moments.second});
    }
  }
  return tensors;
}

}  // namespace lambert
