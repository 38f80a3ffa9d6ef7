// SPDX-License-Identifier: Apache-2.0
#include "train/train_step.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <ATen/core/Tensor.h>
#include <ATen/ops/stack.h>

#include "base/error.h"
#include "base/log.h"

namespace lambert {
namespace {

/// A run that skips this often in a row does not recover by itself.
constexpr int kMostSkippedInARow = 20;

std::string describe(const StepResult& result, const StepBatch& batch) {
  return "step " + std::to_string(batch.step_in_phase + 1) + " of its phase: the gradient of " +
         result.norm.non_finite_tensor;
}

}  // namespace

LossSums& LossSums::operator+=(const LossSums& other) {
  mlm_sum += other.mlm_sum;
  nsp_sum += other.nsp_sum;
  masked_tokens += other.masked_tokens;
  sequences += other.sequences;
  mlm_correct += other.mlm_correct;
  nsp_correct += other.nsp_correct;
  return *this;
}

std::vector<LossSums> read_losses(const std::vector<PretrainingLoss>& losses) {
  std::vector<at::Tensor> rows;
  for (const PretrainingLoss& loss : losses) {
    rows.push_back(at::stack({loss.mlm_sum.to(at::kDouble), loss.nsp_sum.to(at::kDouble),
                              loss.mlm_correct.to(at::kDouble), loss.nsp_correct.to(at::kDouble)}));
  }
  std::vector<LossSums> sums;
  if (rows.empty()) {
    return sums;
  }
  const at::Tensor values = at::stack(rows).cpu();
  for (std::size_t index = 0; index < losses.size(); ++index) {
    const double* const row = values.const_data_ptr<double>() + 4 * index;
    sums.push_back({row[0], row[1], static_cast<double>(losses[index].masked_tokens),
                    static_cast<double>(losses[index].sequences), row[2], row[3]});
  }
  return sums;
}

DropoutStream dropout_of_step(const RunConfig& config, std::int64_t phase_index,
                              const StepBatch& batch) {
  return {config.seed, static_cast<std::uint32_t>(phase_index), batch.step_in_phase};
}

TrainStep::TrainStep(const RunConfig& config, Communicator& communicator, BertForPreTraining& model,
                     GradientBuckets& buckets, GradientReducer& reducer, Optimizer& optimizer,
                     RunProgress& progress)
    : config_(config),
      communicator_(communicator),
      buckets_(buckets),
      reducer_(reducer),
      optimizer_(optimizer),
      progress_(progress),
      micro_step_(config, model, reducer),
      loss_scaler_(config.precision, config.loss_scale) {}

StepResult TrainStep::run(const StepBatch& batch, std::int64_t phase_index, double learning_rate,
                          bool measures_noise) {
  const Denominators total = sum_over_ranks(batch);
  for (std::int64_t overflow_retries = 0;; ++overflow_retries) {
    StepResult result;
    result.loss_scale = loss_scaler_.scale();
    result.overflow_retries = overflow_retries;
    const ReducedGradients gradients =
        compute_gradients(batch, phase_index, total, measures_noise, result);
    progress_.work = "optimizer";
    result.norm = loss_scaler_.unscaled(optimizer_.measure_norm(gradients));
    if (result.norm.finite) {
      optimizer_.step(gradients,
                      loss_scaler_.gradient_scale(result.norm, config_.optimizer.max_grad_norm),
                      learning_rate);
      loss_scaler_.count_finite_step();
      skipped_in_a_row_ = 0;
      return result;
    }
    // The decision is taken on reduced values, hence the same on all ranks.
    if (!loss_scaler_.is_active()) {
      return skip_or_throw(result, batch);
    }
    loss_scaler_.shrink_or_throw(describe(result, batch));
  }
}

/// Fills in the losses and counts of the result, and what is measured of the first micro-batch.
ReducedGradients TrainStep::compute_gradients(const StepBatch& batch, std::int64_t phase_index,
                                              const Denominators& total, bool measures_noise,
                                              StepResult& result) {
  GradientReducer::OnBucket add_to_norm;
  if (measures_noise) {
    const double square_of_scale = result.loss_scale * result.loss_scale;
    double& sum = result.first_micro_batch_squared_norm.emplace(0.0);
    add_to_norm = [&sum, square_of_scale](const at::Tensor& flat) {
      sum += squared_norm(flat) / square_of_scale;
    };
  }
  buckets_.zero();
  reducer_.begin_step(static_cast<std::int64_t>(total.micro_batches), std::move(add_to_norm));
  progress_.work = "forward";
  result.counts = batch.counts();
  const std::vector<PretrainingLoss> losses =
      accumulate_gradients(batch, dropout_of_step(config_, phase_index, batch), total);
  progress_.work = "reduce";
  const ReducedGradients gradients = reducer_.finish();
  for (const LossSums& sums : read_losses(losses)) {
    result.losses += sums;
  }
  return gradients;
}

TrainStep::Denominators TrainStep::sum_over_ranks(const StepBatch& batch) {
  progress_.work = "reduce";
  const BatchCounts counts = batch.counts();
  std::array<double, 3> sums = {static_cast<double>(counts.masked_tokens),
                                static_cast<double>(counts.sequences),
                                static_cast<double>(batch.micro_batches.size())};
  communicator_.all_reduce_sum(sums);
  return {std::max(sums[0], 1.0), std::max(sums[1], 1.0), std::max(sums[2], 1.0)};
}

/// The losses are read at the end: to read one waits for the device.
std::vector<PretrainingLoss> TrainStep::accumulate_gradients(const StepBatch& batch,
                                                             const DropoutStream& dropout,
                                                             const Denominators& total) {
  std::vector<PretrainingLoss> losses;
  for (const Batch& micro_batch : batch.micro_batches) {
    losses.push_back(micro_step_.run(micro_batch, dropout, weights_of(micro_batch.counts(), total),
                                     &micro_batch == &batch.micro_batches.back()));
  }
  return losses;
}

/// The gradient is that of the mean, times the loss scale.
LossWeights TrainStep::weights_of(const BatchCounts& counts, const Denominators& total) const {
  const double scale = loss_scaler_.scale();
  if (config_.loss_normalization == LossNormalization::global) {
    return {scale / total.masked_tokens, scale / total.sequences};
  }
  // Mean of the micro-batches' means, as NVIDIA's, Google's and MLPerf's code has it.
  const double masked_tokens = std::max(static_cast<double>(counts.masked_tokens), 1.0);
  const double sequences = std::max(static_cast<double>(counts.sequences), 1.0);
  return {scale / (masked_tokens * total.micro_batches), scale / (sequences * total.micro_batches)};
}

StepResult TrainStep::skip_or_throw(StepResult result, const StepBatch& batch) {
  ++skipped_in_a_row_;
  const std::string found = describe(result, batch) + " is not finite";
  if (config_.non_finite_gradients == NonFiniteGradients::stop) {
    throw DivergenceError(
        "training, " + found +
        "; lower learning_rate or lengthen warmup_steps, or set non_finite_gradients: skip");
  }
  if (skipped_in_a_row_ >= kMostSkippedInARow) {
    throw DivergenceError(
        "training, " + found + ", " + std::to_string(skipped_in_a_row_) +
        " steps in a row; lower learning_rate and resume from the last checkpoint");
  }
  log_warning(found + "; update skipped, in_a_row=" + std::to_string(skipped_in_a_row_));
  result.skipped = true;
  return result;
}

}  // namespace lambert
