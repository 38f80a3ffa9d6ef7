// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "app/commands.h"
#include "base/error.h"
#include "base/file_system.h"
#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/hugging_face_export.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

/// The checkpoint itself, or the newest valid one of a run directory.
fs::path find_checkpoint(FileSystem& file_system, const fs::path& path) {
  if (fs::exists(path / "manifest.json")) {
    return path.has_filename() ? path : path.parent_path();
  }
  if (!fs::is_directory(path)) {
    throw CheckpointError("exporting " + path.string() +
                          ": no such folder; give a checkpoint or a run directory");
  }
  fs::path newest = CheckpointStore(file_system, path).newest_valid();
  if (newest.empty()) {
    throw CheckpointError("exporting " + path.string() +
                          ": it holds no checkpoint; give a checkpoint or a run directory");
  }
  return newest;
}

}  // namespace

int run_export_hf(const ExportOptions& options) {
  const std::unique_ptr<FileSystem> file_system = make_posix_file_system();
  const fs::path checkpoint = find_checkpoint(*file_system, options.checkpoint);
  fs::path output = options.output;
  if (!output.has_filename()) {
    output = output.parent_path();  // DIR/
  }
  export_to_hugging_face(*file_system, checkpoint, output);
  log_info("exported " + checkpoint.string() + " and verified what was written");
  std::cout << output.string() << "\n";
  return 0;
}

}  // namespace lambert
