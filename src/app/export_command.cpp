// SPDX-License-Identifier: Apache-2.0
#include <iomanip>
#include <iostream>

#include <nlohmann/json.hpp>

#include "app/certify.h"
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
  export_to_hugging_face(*file_system, checkpoint, output, certify_export);
  log_info("exported " + checkpoint.string() + " and verified what was written");
  std::cout << output.string() << "\n";
  return 0;
}

int run_export_verify(const ExportVerifyOptions& options) {
  if (!fs::is_directory(options.folder)) {
    throw DataError("verifying " + options.folder +
                    ": no such folder; give a folder written by lambert export hf");
  }
  const std::map<std::string, double> differences = verify_export(options.folder);
  const std::size_t files = read_certificate(options.folder).files.size();
  if (options.json) {
    std::cout << nlohmann::ordered_json{{"files", files}, {"logit_differences", differences}}.dump(
                     2)
              << "\n";
    return 0;
  }
  std::cout << std::left << std::setw(16) << "files" << files << ", every SHA-256 as certified\n";
  for (const auto& [head, difference] : differences) {
    std::cout << std::setw(16) << "logits " + head
              << (difference == 0.0 ? "equal bit for bit" : "largest relative difference ");
    if (difference > 0.0) {
      std::cout << difference;
    }
    std::cout << "\n";
  }
  return 0;
}

}  // namespace lambert
