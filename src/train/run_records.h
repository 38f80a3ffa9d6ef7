// SPDX-License-Identifier: Apache-2.0
// The records of a run directory that tell people and scripts what happened (docs/operations.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file_system.h"
#include "train/run_progress.h"

namespace lambert {

std::string this_host();
/// 2026-01-05T12:00:31+01:00
std::string time_now();

/// How a run ended.
struct RunEnd {
  ExitCode code = ExitCode::finished;
  std::string reason;  // finished, stopped_on_request, or the kind of error
  std::string what;    // message of the error
  int rank = 0;
};

/// finished, stopped_on_request, config_error, data_error, ...
std::string reason_of(ExitCode code);

/// Facts of one launch, for run.json.
struct Launch {
  std::string command;
  std::optional<std::uint64_t> seed = {};  // of a run with one
  std::vector<std::string> hosts;          // by rank
  std::int64_t threads_per_rank = 0;
  std::int64_t parameter_count = 0;
  std::int64_t first_step = 0;
  std::vector<std::pair<std::string, std::string>> versions = {};  // of program and libraries
  std::vector<std::string> decayed_tensors = {};                   // have weight decay
  std::vector<std::string> adapted_tensors = {};                   // have a trust ratio
};

/// Writes config.yaml, config.source.yaml, run.json, status.json and failure.json, each by rename.
/// Used by rank 0, except record_failure(), which the first failing rank wins.
class RunRecords {
 public:
  RunRecords(FileSystem& file_system, std::filesystem::path output_dir);

  /// Throws StorageError.
  void start(const std::string& config_yaml, const std::filesystem::path& config_source,
             const Launch& launch);
  /// status.json: running.
  void running(const RunProgress& progress);
  /// status.json, run.json and the line "run ended code=...". Never throws.
  void end(const RunEnd& end, const RunProgress& progress) noexcept;
  /// Creates failure.json; the rank that succeeds also writes status.json and the line "run ended
  /// ...". Never throws.
  void record_failure(const RunEnd& end, const RunProgress& progress) noexcept;

 private:
  void write_status(const char* state, const RunEnd* end, const RunProgress& progress);
  void finish_run_json(const RunEnd& end, const RunProgress& progress);

  FileSystem& file_system_;
  std::filesystem::path output_dir_;
};

}  // namespace lambert
