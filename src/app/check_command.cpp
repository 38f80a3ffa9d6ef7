// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iostream>

#include <unistd.h>

#include "app/check_data.h"
#include "app/check_report.h"
#include "app/commands.h"
#include "app/initial_weights.h"
#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "comm/make_communicator.h"
#include "config/load_run_config.h"
#include "config/run_plan.h"
#include "ops/device.h"
#include "squad/squad_gauge.h"

namespace lambert {
namespace {

/// The run directory, or the folder in which it will be made, can be written to. Makes nothing.
void check_output_directory(const std::string& output_dir) {
  std::filesystem::path folder = std::filesystem::absolute(output_dir).lexically_normal();
  std::error_code error;
  while (!std::filesystem::exists(std::filesystem::symlink_status(folder, error)) &&
         folder.has_relative_path()) {
    folder = folder.parent_path();
  }
  const std::string what = "checking output_dir " + output_dir + ": ";
  if (!std::filesystem::is_directory(folder, error)) {
    throw StorageError(what + folder.string() + " is not a folder; choose another output_dir");
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    throw StorageError(what + folder.string() + " cannot be written to (" + errno_text(errno) +
                       "); change its permissions or choose another output_dir");
  }
}

/// What train would import; a run that resumes imports nothing.
void check_initial_weights(RunConfig config, const DataCheck& data) {
  const std::unique_ptr<FileSystem> file_system = make_posix_file_system();
  const std::vector<CheckpointInfo> checkpoints =
      CheckpointStore(*file_system, config.output_dir).list(false);
  const bool resumes = std::any_of(checkpoints.begin(), checkpoints.end(),
                                   [](const CheckpointInfo& info) { return info.problem.empty(); });
  if (!config.init_from.empty() && !resumes) {
    config.model.vocab_size = data.vocab_size;
    open_initial_weights(config, data.phases.front(), *file_system);
  }
}

}  // namespace

int run_check(const CheckOptions& options) {
  if (options.ranks < 0) {
    throw ConfigError("checking the configuration: --ranks is " + std::to_string(options.ranks) +
                      "; give a number of at least 1");
  }
  if (launch_rank() > 0) {
    return 0;  // under a launcher the first rank checks, once
  }
  const std::int64_t ranks = options.ranks == 0 ? launched_rank_count() : options.ranks;
  RunConfig config = load_run_config(options.config, options.overrides);
  if (config.device == DeviceKind::automatic && device_count(at::kCUDA) > 0) {
    config.device = DeviceKind::cuda;  // as train will choose
  }
  check_output_directory(config.output_dir);
  // The arithmetic first: it needs no data, and a batch that cannot be divided is found without
  // reading any.
  RunPlan plan = plan_run(config, ranks, 0);
  if (!options.no_data) {
    const DataCheck data = check_data_folders(config);
    check_initial_weights(config, data);
    plan = plan_run(config, ranks, data.vocab_size);
    if (has_gauge(config)) {
      read_gauge_questions(config, data.phases.front());
    }
  }
  std::cout << (options.json ? describe_plan_as_json(config, plan) : describe_plan(config, plan))
            << std::flush;
  return 0;
}

int run_config_reference() {
  std::cout << describe_run_config_keys() << std::flush;
  return 0;
}

}  // namespace lambert
