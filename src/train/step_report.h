// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "cluster/model_work.h"
#include "config/run_config.h"
#include "train/machine_rates.h"
#include "train/metrics.h"
#include "train/step_prediction.h"

namespace lambert {

/// The console of rank 0: one line every logging_steps with the rates since the last one and, on a
/// terminal with one process, a live line in between. Once, predicted against measured step time.
class StepReport {
 public:
  /// speaks: false on ranks other than 0.
  StepReport(const RunConfig& config, const MachineRates& rates, bool speaks, bool live);

  /// work: of the step, over all ranks.
  void step(const PhaseConfig& phase, const StepMetrics& metrics, const Workload& work);
  void evaluation(const StepMetrics& last, const EvaluationResult& result);
  /// Removes the live line, before anything else is printed.
  void clear_live_line();

 private:
  ConsoleFigures figures(const PhaseConfig& phase, const StepMetrics& metrics) const;

  const RunConfig& config_;
  double matmul_rate_;  // operations per second of all ranks
  StepPrediction prediction_;
  bool speaks_;
  bool live_;
  bool live_line_shown_ = false;
  // Sums since the last line.
  double sequences_ = 0.0;
  double seconds_ = 0.0;
  double data_wait_seconds_ = 0.0;
  double exposed_reduce_seconds_ = 0.0;
  double operations_ = 0.0;
  double planned_operations_ = 0.0;  // had every sequence been of full length
};

}  // namespace lambert
