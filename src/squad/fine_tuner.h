// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/stop_signal.h"
#include "checkpoint/train_state.h"
#include "comm/communicator.h"
#include "config/squad_config.h"
#include "data/sample_order.h"
#include "gradients/gradient_buckets.h"
#include "gradients/gradient_reducer.h"
#include "model/bert_for_question_answering.h"
#include "optim/optimizer.h"
#include "squad/squad_features.h"
#include "train/checkpoint_saver.h"
#include "train/metrics_log.h"
#include "train/run_progress.h"
#include "train/trainer.h"

namespace lambert {

/// Which windows a step trains on: a pure function of (config, seed, step), so that a resume needs
/// the step alone.
class FineTuningPlan {
 public:
  /// window_count > 0. Throws ConfigError when the warm-up is longer than the training.
  FineTuningPlan(const SquadConfig& config, std::uint64_t seed, std::int64_t window_count,
                 int ranks);

  std::int64_t steps() const { return steps_; }
  double rate_at(std::int64_t step) const;
  /// Windows of all ranks in a step; the last step of an epoch may have fewer.
  std::int64_t windows_in(std::int64_t step) const;
  /// Windows of all ranks in the steps before this one.
  std::int64_t windows_before(std::int64_t step) const;
  /// Micro-batches of all ranks in a step, nearly equal in size. With a reproducible reduction
  /// their number, and so what is in them, does not depend on the ranks.
  std::int64_t micro_batches_in(std::int64_t step) const;

  struct Sample {
    std::size_t window = 0;    // index into the features
    std::uint64_t number = 0;  // in the run, for dropout
  };
  /// The micro-batches of a rank; an idle rank in a small last step has none.
  std::vector<std::vector<Sample>> micro_batches(std::int64_t step, int rank) const;

 private:
  std::int64_t window_count_;
  std::int64_t global_batch_;
  std::int64_t micro_batch_;
  std::int64_t steps_per_epoch_;
  std::int64_t steps_;
  int ranks_;
  bool is_reproducible_;
  bool shuffles_;
  SampleOrder order_;
  PhaseConfig schedule_;
};

/// What all ranks know after a step.
struct FineTuningStep {
  double loss = 0.0;                        // mean over the step's windows
  double gradient_norm = 0.0;               // before clipping
  bool is_finite = true;                    // false: the gradient was not, the weights stayed
  StopRequest request = StopRequest::none;  // the strongest of all ranks
};

/// The steps of one seed, without records and checkpoints. Owns nothing; every rank runs them
/// alike.
class FineTuningSteps {
 public:
  struct Parts {
    Communicator& communicator;
    BertForQuestionAnswering& model;
    GradientBuckets& buckets;
    GradientReducer& reducer;
    Optimizer& optimizer;
    RunProgress& progress;
  };
  /// features: not empty.
  FineTuningSteps(const SquadConfig& config, std::uint64_t seed, Parts parts,
                  const std::vector<SquadFeature>& features);

  const FineTuningPlan& plan() const { return plan_; }
  /// step: its number, from 0. request: asked on every rank at the end of the step. Throws
  /// CommError.
  FineTuningStep run(std::int64_t step, StopRequest (*request)());

 private:
  double accumulate_gradients(std::int64_t step);

  const SquadConfig& config_;
  std::uint64_t seed_;
  Parts parts_;
  const std::vector<SquadFeature>& features_;
  FineTuningPlan plan_;
};

/// Trains one seed on the windows. Owns nothing but the state; every rank runs it in step.
class FineTuner {
 public:
  struct Parts {
    Communicator& communicator;
    BertForQuestionAnswering& model;
    GradientBuckets& buckets;
    GradientReducer& reducer;
    Optimizer& optimizer;
    CheckpointSaver& saver;
    MetricsLog& metrics;
    RunProgress& progress;
  };
  FineTuner(const SquadConfig& config, std::uint64_t seed, Parts parts,
            const std::vector<SquadFeature>& features);

  /// From state to the last step, which is saved. Throws DivergenceError, CommError.
  StopReason run(TrainState state);

 private:
  const SquadConfig& config_;
  std::uint64_t seed_;
  Parts parts_;
  FineTuningSteps steps_;
};

/// The micro-batch of these windows. with_positions: also the answers, for training.
QuestionAnsweringInputs make_question_answering_inputs(
    const std::vector<const SquadFeature*>& windows, const std::vector<std::uint64_t>& numbers,
    const DropoutStream& dropout, bool with_positions);

}  // namespace lambert
