// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "config/run_config.h"
#include "train/metrics.h"
#include "train/tensorboard_writer.h"

namespace lambert {

/// metrics.jsonl, lamb.jsonl and the TensorBoard events of a run directory. Ranks other than 0 have
/// one that writes nothing. A file that cannot be written costs one warning a minute, never the
/// run.
class MetricsLog {
 public:
  MetricsLog() = default;
  /// Cuts both files back to the records up to last_step, so that an interrupted and an
  /// uninterrupted run leave equal records. Throws StorageError when that fails.
  MetricsLog(FileSystem& file_system, const std::filesystem::path& output_dir,
             const LoggingConfig& logging, std::int64_t last_step);

  /// Whether metrics.jsonl had, when it was opened, a record of last_step with this key.
  bool had(const std::string& key) const { return keys_of_last_step_.contains(key); }

  void record(const StepMetrics& metrics);
  void record(const TrainState& state, const std::string& phase, const EvaluationResult& result);
  void record(const TrainState& state, const std::string& phase, const LambTableRecord& table);
  /// A step of another training than pretraining; in TensorBoard under "train/", every
  /// logging_steps.
  void record_step(const TrainState& state, const std::string& phase,
                   const EvaluationResult& figures);
  std::int64_t lost_records() const { return lost_records_; }

 private:
  void append(const char* file, const std::string& line);
  void warn();

  std::filesystem::path folder_;  // empty: writes nothing
  std::optional<TensorBoardWriter> tensorboard_;
  std::int64_t tensorboard_steps_ = 1;  // every so many steps
  std::set<std::string> keys_of_last_step_;
  std::int64_t lost_records_ = 0;
  std::optional<Stopwatch> since_warning_;
};

}  // namespace lambert
