// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "checkpoint/checkpoint.h"
#include "comm/communicator.h"
#include "gradients/gradient_buckets.h"
#include "train/run_progress.h"
#include "train/run_records.h"

namespace lambert {

enum class SaveNeed {
  periodic,  // may fail once: older checkpoints are intact, the run goes on
  required,  // at a stop or at the end: a failure ends the run
};

/// When and how all ranks save and load together; rank 0 alone writes.
class CheckpointSaver {
 public:
  /// content: tensors bound to the live weights and moments, or to their parts on the ranks.
  /// residuals: of this rank, with error feedback. parameters: what must be equal on all ranks.
  CheckpointSaver(Communicator& communicator, CheckpointStore& store, CheckpointContent content,
                  std::vector<NamedParameter> parameters, RunRecords& records,
                  RunProgress& progress, std::int64_t save_total_limit,
                  std::vector<NamedTensor> residuals = {});

  /// Fills weights and moments from the newest valid checkpoint, chosen by rank 0, and returns its
  /// state; the state of a new run when there is none. Throws CheckpointError.
  TrainState resume();
  /// Checks that all ranks hold the same finite weights, then writes. Saving the step again that
  /// was saved or resumed last does nothing. Throws DivergenceError, StorageError.
  void save(const TrainState& state, SaveNeed need);
  /// Seconds spent in save() since the last call.
  double take_seconds();

 private:
  void log_config_changes(const std::filesystem::path& checkpoint) const;
  void resume_residuals(const std::filesystem::path& checkpoint);

  Communicator& communicator_;
  CheckpointStore& store_;
  CheckpointContent content_;
  std::vector<NamedParameter> parameters_;
  RunRecords& records_;
  RunProgress& progress_;
  std::int64_t save_total_limit_;
  std::vector<NamedTensor> residuals_;  // of this rank, by parameter
  int failures_in_a_row_ = 0;
  double seconds_ = 0.0;
};

}  // namespace lambert
