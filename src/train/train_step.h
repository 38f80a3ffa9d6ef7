// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "comm/communicator.h"
#include "config/run_config.h"
#include "data/batch.h"
#include "gradients/gradient_buckets.h"
#include "gradients/gradient_reducer.h"
#include "model/bert_for_pretraining.h"
#include "optim/gradient_norm.h"
#include "optim/loss_scaler.h"
#include "optim/optimizer.h"
#include "train/micro_step.h"
#include "train/run_progress.h"

namespace lambert {

/// Sums and counts of one step, of one rank or (after the trainer's reduction) of all.
struct LossSums {
  double mlm_sum = 0.0;
  double nsp_sum = 0.0;
  double masked_tokens = 0.0;
  double sequences = 0.0;
  double mlm_correct = 0.0;
  double nsp_correct = 0.0;

  LossSums& operator+=(const LossSums& other);
  double mlm_mean() const { return masked_tokens > 0.0 ? mlm_sum / masked_tokens : 0.0; }
  double nsp_mean() const { return sequences > 0.0 ? nsp_sum / sequences : 0.0; }
};

/// In their order, by one copy from the device for all, which waits for it.
std::vector<LossSums> read_losses(const std::vector<PretrainingLoss>& losses);

struct StepResult {
  LossSums losses;     // of this rank
  BatchCounts counts;  // of this rank
  GradientNorm norm;
  std::optional<double> first_micro_batch_squared_norm;  // of its part of the mean, if asked for
  bool skipped = false;               // non-finite gradient and the config says skip
  double loss_scale = 1.0;            // of the gradient that was used
  std::int64_t overflow_retries = 0;  // repetitions with a smaller loss scale
};

/// The dropout of a step.
DropoutStream dropout_of_step(const RunConfig& config, std::int64_t phase_index,
                              const StepBatch& batch);

/// One optimizer step, start to end. Owns the loss scale only.
class TrainStep {
 public:
  TrainStep(const RunConfig& config, Communicator& communicator, BertForPreTraining& model,
            GradientBuckets& buckets, GradientReducer& reducer, Optimizer& optimizer,
            RunProgress& progress);

  /// measures_noise: also the first micro-batch's gradient. A gradient that is not finite is in
  /// fp16 computed again with a smaller loss scale. Throws DivergenceError for one in other
  /// precisions (or for the 20th skipped step in a row) and at the end of loss scaling; CommError.
  StepResult run(const StepBatch& batch, std::int64_t phase_index, double learning_rate,
                 bool measures_noise = false);
  /// Of the last step: the part of the reduction that compute did not hide.
  double exposed_reduce_seconds() const { return reducer_.exposed_seconds(); }
  LossScaler& loss_scaler() { return loss_scaler_; }
  /// Micro-batches that were repetitions of recorded work.
  std::int64_t replays() const { return micro_step_.replays(); }

 private:
  /// What the losses are sums over, of all ranks.
  struct Denominators {
    double masked_tokens = 1.0;
    double sequences = 1.0;
    double micro_batches = 1.0;
  };
  Denominators sum_over_ranks(const StepBatch& batch);
  ReducedGradients compute_gradients(const StepBatch& batch, std::int64_t phase_index,
                                     const Denominators& total, bool measures_noise,
                                     StepResult& result);
  std::vector<PretrainingLoss> accumulate_gradients(const StepBatch& batch,
                                                    const DropoutStream& dropout,
                                                    const Denominators& total);
  LossWeights weights_of(const BatchCounts& counts, const Denominators& total) const;
  StepResult skip_or_throw(StepResult result, const StepBatch& batch);

  const RunConfig& config_;
  Communicator& communicator_;
  GradientBuckets& buckets_;
  GradientReducer& reducer_;
  Optimizer& optimizer_;
  RunProgress& progress_;
  MicroStep micro_step_;
  LossScaler loss_scaler_;
  int skipped_in_a_row_ = 0;
};

}  // namespace lambert
