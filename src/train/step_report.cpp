// SPDX-License-Identifier: Apache-2.0
#include "train/step_report.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>

#include "base/log.h"

namespace lambert {

StepReport::StepReport(const RunConfig& config, const MachineRates& rates, bool speaks, bool live)
    : config_(config),
      matmul_rate_(rates.matmul),
      prediction_(config, rates),
      speaks_(speaks),
      live_(live) {}

void StepReport::step(const PhaseConfig& phase, const StepMetrics& metrics, const Workload& work) {
  if (!speaks_) {
    return;
  }
  sequences_ += work.sequences;
  seconds_ += metrics.step_seconds;
  data_wait_seconds_ += metrics.data_wait_seconds;
  exposed_reduce_seconds_ += metrics.exposed_reduce_seconds;
  operations_ += model_operations(config_.model, work);
  planned_operations_ += planned_step_operations(config_, phase);
  const std::string line = console_line(metrics, figures(phase, metrics));
  const bool due =
      metrics.state.step_in_phase % std::max<std::int64_t>(config_.logging.logging_steps, 1) == 0 ||
      metrics.state.step_in_phase == phase.max_steps;
  const std::optional<std::string> prediction = prediction_.add(phase, work, metrics.step_seconds);
  clear_live_line();
  if (prediction) {
    log_info(*prediction);
  }
  if (due) {
    log_info(line);
    sequences_ = seconds_ = data_wait_seconds_ = exposed_reduce_seconds_ = 0.0;
    operations_ = planned_operations_ = 0.0;
  } else if (live_) {
    std::fprintf(stderr, "%s", line.c_str());
    live_line_shown_ = true;
  }
}

void StepReport::evaluation(const StepMetrics& last, const EvaluationResult& result) {
  if (!speaks_) {
    return;
  }
  clear_live_line();
  std::string line =
      "evaluation step=" + std::to_string(last.state.global_step) + " phase=" + last.phase;
  for (const auto& [name, value] : result) {
    line += " " + name + "=" + std::to_string(value);
  }
  log_info(line);
}

void StepReport::clear_live_line() {
  if (live_line_shown_) {
    std::fprintf(stderr, "\r\x1b[K");  // start of the line, erase to its end
    live_line_shown_ = false;
  }
}

ConsoleFigures StepReport::figures(const PhaseConfig& phase, const StepMetrics& metrics) const {
  const double seconds = std::max(seconds_, 1e-9);
  ConsoleFigures figures;
  figures.max_steps = phase.max_steps;
  figures.sequences_per_second = sequences_ / seconds;
  figures.matmul_share = matmul_rate_ > 0.0 ? operations_ / seconds / matmul_rate_ : 0.0;
  figures.data_wait_share = data_wait_seconds_ / seconds;
  figures.exposed_reduce_share = exposed_reduce_seconds_ / seconds;
  figures.remaining_seconds =
      remaining_operations(config_, metrics.state.phase_index, metrics.state.step_in_phase) *
      seconds / std::max(planned_operations_, 1.0);
  return figures;
}

}  // namespace lambert
