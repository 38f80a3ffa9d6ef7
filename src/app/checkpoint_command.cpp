// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "base/error.h"
#include "base/file_system.h"
#include "base/log.h"
#include "checkpoint/checkpoint.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

/// One entry for a checkpoint folder itself, one for each of a run directory.
std::vector<CheckpointInfo> find_checkpoints(const fs::path& folder, bool verify) {
  if (!fs::is_directory(folder)) {
    throw CheckpointError("looking for checkpoints in " + folder.string() +
                          ": no such folder; give a run directory or a checkpoint");
  }
  if (fs::exists(folder / "manifest.json")) {
    CheckpointInfo info{folder.has_filename() ? folder : folder.parent_path(), {}, {}};
    info.problem = verify_checkpoint(info.path, &info.state);
    return {info};
  }
  const std::unique_ptr<FileSystem> file_system = make_posix_file_system();
  return CheckpointStore(*file_system, folder).list(verify);
}

void print_json(const std::vector<CheckpointInfo>& infos) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const CheckpointInfo& info : infos) {
    list.push_back({{"path", info.path.string()},
                    {"global_step", info.state.global_step},
                    {"phase_index", info.state.phase_index},
                    {"step_in_phase", info.state.step_in_phase},
                    {"samples_seen", info.state.samples_seen},
                    {"valid", info.problem.empty()},
                    {"problem", info.problem}});
  }
  std::cout << list.dump(2) << "\n";
}

void print_table(const std::vector<CheckpointInfo>& infos) {
  for (const CheckpointInfo& info : infos) {
    std::cout << info.path.filename().string() << "  step " << info.state.global_step << "  phase "
              << info.state.phase_index << "  step in phase " << info.state.step_in_phase << "  "
              << (info.problem.empty() ? "ok" : info.problem) << "\n";
  }
}

/// Interrupted saves are listed, but damage nothing.
bool is_damaged(const CheckpointInfo& info) {
  return !info.problem.empty() && !info.path.filename().string().ends_with(".partial");
}

}  // namespace

int run_checkpoint(const CheckpointOptions& options) {
  const bool verify = options.action == "verify";
  const std::vector<CheckpointInfo> infos = find_checkpoints(options.folder, verify);
  if (options.json) {
    print_json(infos);
  } else {
    print_table(infos);
  }
  std::size_t damaged = 0;
  std::size_t committed = 0;
  for (const CheckpointInfo& info : infos) {
    damaged += is_damaged(info) ? 1U : 0U;
    committed += info.path.filename().string().ends_with(".partial") ? 0U : 1U;
  }
  if (!verify && infos.empty()) {
    log_info("no checkpoint in " + options.folder);
  }
  if (verify && committed == 0) {
    throw CheckpointError("verifying " + options.folder +
                          ": it holds no checkpoint; give a run directory or a checkpoint");
  }
  if (verify && damaged > 0) {
    throw CheckpointError("verifying " + options.folder + ": " + std::to_string(damaged) + " of " +
                          std::to_string(committed) +
                          " checkpoints damaged; resume falls back to the newest valid one");
  }
  return 0;
}

}  // namespace lambert
