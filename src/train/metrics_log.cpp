// SPDX-License-Identifier: Apache-2.0
#include "train/metrics_log.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "base/log.h"

namespace lambert {
namespace {

constexpr const char* kMetricsFile = "metrics.jsonl";
constexpr std::uint64_t kLargestMetricsFile = std::uint64_t{16} << 30;

/// The complete lines whose global_step is at most last_step; a torn last line is dropped.
std::string records_until(const std::string& content, std::int64_t last_step) {
  std::string kept;
  std::istringstream lines(content);
  std::string line;
  while (std::getline(lines, line)) {
    const nlohmann::json record = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    const bool readable = record.is_object() && record.contains("global_step") &&
                          record["global_step"].is_number_integer() && !lines.eof();
    if (readable && record["global_step"].get<std::int64_t>() <= last_step) {
      kept += line + "\n";
    }
  }
  return kept;
}

}  // namespace

MetricsLog::MetricsLog(FileSystem& file_system, const std::filesystem::path& output_dir,
                       const LoggingConfig& logging, std::int64_t last_step)
    : path_(output_dir / kMetricsFile),
      tensorboard_steps_(std::max<std::int64_t>(logging.logging_steps, 1)) {
  if (std::filesystem::exists(path_)) {
    const std::string content = read_file(path_, kLargestMetricsFile);
    const std::string kept = records_until(content, last_step);
    if (kept != content) {
      file_system.write_file_atomically(path_, kept);
    }
  }
  if (std::find(logging.report_to.begin(), logging.report_to.end(), "tensorboard") !=
      logging.report_to.end()) {
    tensorboard_.emplace(output_dir / "runs", last_step > 0 ? last_step + 1 : 0);
  }
}

void MetricsLog::record(const StepMetrics& metrics) {
  if (path_.empty()) {
    return;
  }
  append(step_record(metrics));
  if (tensorboard_ && metrics.state.global_step % tensorboard_steps_ == 0) {
    tensorboard_->write_scalars(metrics.state.global_step,
                                {{"train/loss", metrics.loss},
                                 {"train/mlm_loss", metrics.mlm_loss},
                                 {"train/nsp_loss", metrics.nsp_loss},
                                 {"train/mlm_accuracy", metrics.mlm_accuracy},
                                 {"train/learning_rate", metrics.learning_rate},
                                 {"train/gradient_norm", metrics.gradient_norm},
                                 {"train/sequences_per_second", metrics.sequences_per_second},
                                 {"train/data_wait_seconds", metrics.data_wait_seconds},
                                 {"train/exposed_reduce_seconds", metrics.exposed_reduce_seconds}});
  }
}

void MetricsLog::record(const TrainState& state, const std::string& phase,
                        const EvaluationResult& result) {
  if (path_.empty()) {
    return;
  }
  append(evaluation_record(state, phase, result));
  if (tensorboard_) {
    EvaluationResult scalars = result;
    for (auto& [name, value] : scalars) {
      name.insert(0, "eval/");
    }
    tensorboard_->write_scalars(state.global_step, scalars);
  }
}

/// Opened per record: a folder that comes back, or a rotated file, is picked up again, and nothing
/// stays buffered when the process is killed.
void MetricsLog::append(const std::string& line) {
  std::ofstream file(path_, std::ios::binary | std::ios::app);
  file << line << '\n';
  file.close();
  if (!file || (tensorboard_ && !tensorboard_->healthy())) {
    warn();
  }
}

void MetricsLog::warn() {
  ++lost_records_;
  if (!since_warning_ || since_warning_->seconds() > 60.0) {
    log_warning("writing metrics to " + path_.parent_path().string() + " failed, lost_records=" +
                std::to_string(lost_records_) + "; training goes on, check the disk");
    since_warning_.emplace();
  }
}

}  // namespace lambert
