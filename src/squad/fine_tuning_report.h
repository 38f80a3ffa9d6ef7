// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "checkpoint/train_state.h"
#include "config/run_config.h"
#include "train/metrics_log.h"

namespace lambert {

/// What one step of fine-tuning says about itself.
struct FineTuningFigures {
  double loss = 0.0;  // mean over the windows of all ranks
  double learning_rate = 0.0;
  double gradient_norm = 0.0;  // before clipping
  double windows = 0.0;        // of all ranks
  double seconds = 0.0;
  double exposed_reduce_seconds = 0.0;
  double peak_memory_bytes = 0.0;  // where the model lies
};

/// The records of one seed in metrics.jsonl and TensorBoard, and its lines on the console: one
/// every logging_steps with the rate since the last one.
class FineTuningReport {
 public:
  FineTuningReport(MetricsLog& metrics, const LoggingConfig& logging, std::uint64_t seed,
                   std::int64_t steps);

  /// state: after the step.
  void step(const TrainState& state, const FineTuningFigures& figures);

 private:
  std::string console_line(const TrainState& state, const FineTuningFigures& figures) const;

  MetricsLog& metrics_;
  std::int64_t logging_steps_;
  std::string seed_;
  std::int64_t steps_;
  // Sums since the last line.
  std::int64_t steps_since_line_ = 0;
  double windows_ = 0.0;
  double seconds_ = 0.0;
  double exposed_reduce_seconds_ = 0.0;
};

}  // namespace lambert
