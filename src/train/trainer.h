// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "base/stop_signal.h"
#include "checkpoint/train_state.h"
#include "comm/communicator.h"
#include "config/run_config.h"
#include "data/prefetcher.h"
#include "optim/lr_schedule.h"
#include "optim/optimizer.h"
#include "train/checkpoint_saver.h"
#include "train/evaluation.h"
#include "train/metrics_log.h"
#include "train/run_progress.h"
#include "train/step_report.h"
#include "train/train_step.h"

namespace lambert {

enum class StopReason { phase_complete, run_complete, signal };

/// The loop: phases, the schedule of side actions, stopping. Owns nothing but the state; does no
/// arithmetic on weights. Every rank runs it in step with the others.
class Trainer {
 public:
  struct Parts {
    Communicator& communicator;
    TrainStep& train_step;
    Optimizer& optimizer;
    CheckpointSaver& saver;
    MetricsLog& metrics;
    StepReport& report;
    RunProgress& progress;
    at::Device device;  // of the model
    std::vector<ScheduledEvaluation> evaluations;
  };
  /// state: of a new run, or of the checkpoint that was loaded.
  Trainer(const RunConfig& config, Parts parts, const TrainState& state);

  /// Ends with run_complete or, when a signal asked for it, with signal; the last step is saved in
  /// both cases. A resumed run first makes up for evaluations that the stop cut short.
  StopReason run();

 private:
  StopReason run_phase(const PhaseConfig& phase);
  void start_phase(const PhaseConfig& phase, const StepShape& shape);
  /// One step and its record. Returns the strongest request of all ranks.
  StopRequest run_step(const PhaseConfig& phase, Prefetcher& batches, double learning_rate);
  void advance(const PhaseConfig& phase, const StepResult& result);
  bool is_due(const ScheduledEvaluation& scheduled, const PhaseConfig& phase) const;
  /// Those that are due; with only_missing, those whose record of this step is not there. False
  /// when a request to stop ended one early: it has no record, and the next launch makes up for it.
  bool evaluate(const PhaseConfig& phase, bool only_missing);
  /// The rarer records of a step: gradient noise, hashes, the LAMB table.
  void record_details(const PhaseConfig& phase, const StepBatch& batch, const StepResult& result,
                      double first_micro_batch_squared_norm);
  bool every(std::int64_t steps) const;  // false when steps is 0

  const RunConfig& config_;
  Parts parts_;
  TrainState state_;
  StepMetrics last_;
  LambTable lamb_table_;
  std::int64_t steps_of_launch_ = 0;
};

}  // namespace lambert
