// SPDX-License-Identifier: Apache-2.0
#include "train/metrics_log.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/log.h"

namespace lambert {
namespace {

constexpr std::uint64_t kLargestMetricsFile = std::uint64_t{16} << 30;

struct Records {
  std::string lines;
  std::set<std::string> keys_of_last_step;
};

/// The complete lines whose global_step is at most last_step; a torn last line is dropped.
Records records_until(const std::string& content, std::int64_t last_step) {
  Records kept;
  std::istringstream lines(content);
  std::string line;
  while (std::getline(lines, line)) {
    const nlohmann::json record = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    const bool readable = record.is_object() && record.contains("global_step") &&
                          record["global_step"].is_number_integer() && !lines.eof();
    if (!readable || record["global_step"].get<std::int64_t>() > last_step) {
      continue;
    }
    kept.lines += line + "\n";
    if (record["global_step"].get<std::int64_t>() == last_step) {
      for (const auto& [key, value] : record.items()) {
        kept.keys_of_last_step.insert(key);
      }
    }
  }
  return kept;
}

/// So that an interrupted and an uninterrupted run leave equal records. Returns the keys that the
/// records of last_step have.
std::set<std::string> cut_back(FileSystem& file_system, const std::filesystem::path& path,
                               std::int64_t last_step) {
  if (!std::filesystem::exists(path)) {
    return {};
  }
  const std::string content = read_file(path, kLargestMetricsFile);
  Records kept = records_until(content, last_step);
  if (kept.lines != content) {
    file_system.write_file_atomically(path, kept.lines);
  }
  return std::move(kept.keys_of_last_step);
}

EvaluationResult with_prefix(const char* prefix, EvaluationResult figures) {
  for (auto& [name, value] : figures) {
    name.insert(0, prefix);
  }
  return figures;
}

/// A histogram over the tensors for each number of the table.
std::vector<std::pair<std::string, std::vector<double>>> histograms_of(
    const LambTableRecord& table) {
  std::vector<std::pair<std::string, std::vector<double>>> histograms = {
      {"lamb/weight_norm", {}}, {"lamb/update_norm", {}}, {"lamb/trust_ratio", {}}};
  for (const LambTableRow& row : table.rows) {
    histograms[0].second.push_back(row.last.weight_norm);
    histograms[1].second.push_back(row.last.update_norm);
    if (row.last.is_adapted) {
      histograms[2].second.push_back(row.last.trust_ratio);
    }
  }
  return histograms;
}

}  // namespace

MetricsLog::MetricsLog(FileSystem& file_system, const std::filesystem::path& output_dir,
                       const LoggingConfig& logging, std::int64_t last_step)
    : folder_(output_dir), tensorboard_steps_(std::max<std::int64_t>(logging.logging_steps, 1)) {
  keys_of_last_step_ = cut_back(file_system, folder_ / kMetricsFile, last_step);
  cut_back(file_system, folder_ / kLambTableFile, last_step);
  if (std::find(logging.report_to.begin(), logging.report_to.end(), "tensorboard") !=
      logging.report_to.end()) {
    tensorboard_.emplace(output_dir / "runs", last_step > 0 ? last_step + 1 : 0);
  }
}

void MetricsLog::record(const StepMetrics& metrics) {
  if (folder_.empty()) {
    return;
  }
  append(kMetricsFile, step_record(metrics));
  if (tensorboard_ && metrics.state.global_step % tensorboard_steps_ == 0) {
    std::vector<std::pair<std::string, double>> scalars = {
        {"train/loss", metrics.loss},
        {"train/mlm_loss", metrics.mlm_loss},
        {"train/nsp_loss", metrics.nsp_loss},
        {"train/mlm_accuracy", metrics.mlm_accuracy},
        {"train/learning_rate", metrics.learning_rate},
        {"train/gradient_norm", metrics.gradient_norm},
        {"train/sequences_per_second", metrics.sequences_per_second},
        {"train/data_wait_seconds", metrics.data_wait_seconds},
        {"train/exposed_reduce_seconds", metrics.exposed_reduce_seconds}};
    if (metrics.state.loss_scale > 0.0) {
      scalars.emplace_back("train/loss_scale", metrics.loss_scale);
      scalars.emplace_back("train/overflow_retries", static_cast<double>(metrics.overflow_retries));
    }
    if (metrics.gradient_noise) {
      scalars.emplace_back("train/gradient_noise_scale", metrics.gradient_noise->scale);
      scalars.emplace_back("train/gradient_covariance_trace",
                           metrics.gradient_noise->covariance_trace);
      scalars.emplace_back("train/squared_gradient", metrics.gradient_noise->squared_gradient);
    }
    tensorboard_->write_scalars(metrics.state.global_step, scalars);
  }
}

void MetricsLog::record(const TrainState& state, const std::string& phase,
                        const LambTableRecord& table) {
  if (folder_.empty()) {
    return;
  }
  append(kLambTableFile, lamb_table_record(state, phase, table));
  if (tensorboard_) {
    for (const auto& [tag, values] : histograms_of(table)) {
      tensorboard_->write_histogram(state.global_step, tag, values);
    }
  }
}

void MetricsLog::record(const TrainState& state, const std::string& phase,
                        const EvaluationResult& result) {
  if (folder_.empty()) {
    return;
  }
  append(kMetricsFile, evaluation_record(state, phase, result));
  if (tensorboard_) {
    tensorboard_->write_scalars(state.global_step, with_prefix("eval/", result));
  }
}

void MetricsLog::record_step(const TrainState& state, const std::string& phase,
                             const EvaluationResult& figures) {
  if (folder_.empty()) {
    return;
  }
  append(kMetricsFile, evaluation_record(state, phase, figures));
  if (tensorboard_ && state.global_step % tensorboard_steps_ == 0) {
    tensorboard_->write_scalars(state.global_step, with_prefix("train/", figures));
  }
}

/// Opened per record: a folder that comes back, or a rotated file, is picked up again, and nothing
/// stays buffered when the process is killed.
void MetricsLog::append(const char* name, const std::string& line) {
  std::ofstream file(folder_ / name, std::ios::binary | std::ios::app);
  file << line << '\n';
  file.close();
  if (!file || (tensorboard_ && !tensorboard_->healthy())) {
    warn();
  }
}

void MetricsLog::warn() {
  ++lost_records_;
  if (!since_warning_ || since_warning_->seconds() > 60.0) {
    log_warning("writing metrics to " + folder_.string() + " failed, lost_records=" +
                std::to_string(lost_records_) + "; training goes on, check the disk");
    since_warning_.emplace();
  }
}

}  // namespace lambert
