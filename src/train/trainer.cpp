// SPDX-License-Identifier: Apache-2.0
#include "train/trainer.h"

#include <array>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "config/step_shape.h"
#include "ops/device.h"
#include "train/rank_agreement.h"

namespace lambert {
namespace {

constexpr double kGibibyte = 1024.0 * 1024.0 * 1024.0;

/// What the ranks tell each other after a step, in one reduction.
struct StepAgreement {
  LossSums losses;                              // of all ranks
  Workload work;                                // of all ranks
  double first_micro_batch_squared_norm = 0.0;  // sum over the ranks
  StopRequest request = StopRequest::none;
};

StepAgreement sum_over_ranks(Communicator& communicator, const StepResult& result) {
  const LossSums& mine = result.losses;
  const StopRequest request = take_stop_request();
  std::array<double, 11> sums = {mine.mlm_sum,
                                 mine.nsp_sum,
                                 mine.masked_tokens,
                                 mine.sequences,
                                 mine.mlm_correct,
                                 mine.nsp_correct,
                                 request == StopRequest::save ? 1.0 : 0.0,
                                 request == StopRequest::save_and_stop ? 1.0 : 0.0,
                                 result.first_micro_batch_squared_norm.value_or(0.0),
                                 static_cast<double>(result.counts.tokens),
                                 static_cast<double>(result.counts.token_pairs)};
  communicator.all_reduce_sum(sums);
  StepAgreement agreement;
  agreement.losses = {sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]};
  agreement.work = {agreement.losses.sequences, sums[9], sums[10], agreement.losses.masked_tokens};
  agreement.first_micro_batch_squared_norm = sums[8];
  if (sums[7] > 0.0) {
    agreement.request = StopRequest::save_and_stop;
  } else if (sums[6] > 0.0) {
    agreement.request = StopRequest::save;
  }
  return agreement;
}

void fill_losses(const LossSums& losses, StepMetrics& metrics) {
  metrics.mlm_loss = losses.mlm_mean();
  metrics.nsp_loss = losses.nsp_mean();
  metrics.loss = metrics.mlm_loss + metrics.nsp_loss;
  metrics.mlm_accuracy =
      losses.masked_tokens > 0.0 ? losses.mlm_correct / losses.masked_tokens : 0.0;
  metrics.nsp_accuracy = losses.sequences > 0.0 ? losses.nsp_correct / losses.sequences : 0.0;
}

}  // namespace

Trainer::Trainer(const RunConfig& config, Parts parts, const TrainState& state)
    : config_(config), parts_(std::move(parts)), state_(state) {
  if (state_.loss_scale > 0.0) {
    parts_.train_step.loss_scaler().restore(state_.loss_scale, state_.finite_steps);
  }
}

StopReason Trainer::run() {
  const auto phase_count = static_cast<std::int64_t>(config_.phases.size());
  if (state_.global_step > 0 && state_.phase_index < phase_count) {
    const PhaseConfig& phase = config_.phases[static_cast<std::size_t>(state_.phase_index)];
    last_.state = state_;
    last_.phase = phase.name;
    if (!evaluate(phase, /*only_missing=*/true)) {
      return StopReason::signal;
    }
  }
  while (state_.phase_index < phase_count) {
    if (run_phase(config_.phases[static_cast<std::size_t>(state_.phase_index)]) ==
        StopReason::signal) {
      return StopReason::signal;
    }
    if (state_.phase_index + 1 == phase_count) {
      break;
    }
    ++state_.phase_index;
    state_.step_in_phase = 0;
  }
  parts_.saver.save(state_, SaveNeed::required);
  return StopReason::run_complete;
}

StopReason Trainer::run_phase(const PhaseConfig& phase) {
  if (state_.step_in_phase >= phase.max_steps) {
    return StopReason::phase_complete;
  }
  parts_.progress.work = "data";
  const StepShape shape =
      derive_step_shape(phase, parts_.communicator.size(), config_.communication.reduction);
  const LrSchedule schedule(phase);
  Prefetcher batches(
      BatchStream(phase, state_.phase_index, config_.seed, shape, parts_.communicator.rank()),
      state_.step_in_phase, phase.max_steps);
  start_phase(phase, shape);

  while (state_.step_in_phase < phase.max_steps) {
    const StopRequest request = run_step(phase, batches, schedule.rate_at(state_.step_in_phase));
    ++steps_of_launch_;
    const bool evaluated = evaluate(phase, /*only_missing=*/false);
    const bool stopping = !evaluated || request == StopRequest::save_and_stop ||
                          steps_of_launch_ == config_.stop_after_steps;
    if (stopping || request == StopRequest::save || every(config_.checkpoint.save_steps)) {
      parts_.saver.save(state_, stopping ? SaveNeed::required : SaveNeed::periodic);
    }
    if (stopping) {
      return StopReason::signal;
    }
  }
  return StopReason::phase_complete;
}

void Trainer::start_phase(const PhaseConfig& phase, const StepShape& shape) {
  log_info("phase started name=" + phase.name + " steps=" + std::to_string(phase.max_steps) +
           " from_step=" + std::to_string(state_.step_in_phase) +
           " global_batch=" + std::to_string(shape.global_batch()) +
           " micro_batch=" + std::to_string(shape.micro_batch) + " accumulation=" +
           std::to_string(shape.accumulation) + " ranks=" + std::to_string(shape.ranks) +
           " max_seq_length=" + std::to_string(phase.max_seq_length));
  // The state, not a flag, says that the phase is new: a resume inside the phase keeps its moments.
  if (state_.phase_index > 0 && state_.step_in_phase == 0 &&
      phase.moments == MomentsAtPhaseStart::reset) {
    parts_.optimizer.reset_moments();
    log_info("moments reset phase=" + phase.name);
  }
}

StopRequest Trainer::run_step(const PhaseConfig& phase, Prefetcher& batches, double learning_rate) {
  const Stopwatch watch;
  parts_.progress.work = "data";
  const StepBatch batch = batches.next();
  const bool is_only_micro_batch =
      parts_.communicator.size() == 1 && batch.micro_batches.size() == 1;
  const bool measures_noise =
      !is_only_micro_batch && (state_.global_step + 1) % config_.logging.logging_steps == 0;
  const StepResult result =
      parts_.train_step.run(batch, state_.phase_index, learning_rate, measures_noise);
  const StepAgreement agreement = sum_over_ranks(parts_.communicator, result);
  advance(phase, result);

  last_ = StepMetrics{};
  last_.state = state_;
  last_.phase = phase.name;
  fill_losses(agreement.losses, last_);
  last_.learning_rate = learning_rate;
  last_.gradient_norm = result.norm.value;
  last_.loss_scale = result.loss_scale;
  last_.overflow_retries = result.overflow_retries;
  record_details(phase, batch, result, agreement.first_micro_batch_squared_norm);
  last_.step_seconds = watch.seconds();
  last_.sequences_per_second =
      static_cast<double>(phase.global_train_batch_size) / last_.step_seconds;
  last_.tokens_per_second = agreement.work.tokens / last_.step_seconds;
  last_.data_wait_seconds = batches.last_wait_seconds();
  last_.exposed_reduce_seconds = parts_.train_step.exposed_reduce_seconds();
  last_.checkpoint_seconds = parts_.saver.take_seconds();
  last_.device_memory_gib = peak_memory_bytes(parts_.device) / kGibibyte;
  parts_.metrics.record(last_);
  parts_.report.step(phase, last_, agreement.work);
  return agreement.request;
}

void Trainer::record_details(const PhaseConfig& phase, const StepBatch& batch,
                             const StepResult& result, double first_micro_batch_squared_norm) {
  if (result.first_micro_batch_squared_norm && !result.skipped) {
    const auto ranks = static_cast<double>(parts_.communicator.size());
    const double micro_batches = ranks * static_cast<double>(batch.micro_batches.size());
    // Of the mean over the global batch a micro-batch gives its own mean divided by their number.
    const auto sequences = static_cast<double>(phase.global_train_batch_size);
    last_.gradient_noise = estimate_gradient_noise(
        micro_batches * micro_batches * first_micro_batch_squared_norm / ranks,
        sequences / micro_batches, result.norm.value * result.norm.value, sequences);
  }
  if (config_.logging.log_sample_hashes) {
    last_.hashes = hash_step(parts_.communicator, batch,
                             dropout_of_step(config_, state_.phase_index, batch), config_.model);
  }
  if (config_.logging.log_lamb_table && !result.skipped) {
    lamb_table_.add(parts_.optimizer);
    if (every(config_.logging.logging_steps)) {
      parts_.metrics.record(state_, phase.name, lamb_table_.take());
    }
  }
}

void Trainer::advance(const PhaseConfig& phase, const StepResult& result) {
  ++state_.global_step;
  ++state_.step_in_phase;
  state_.samples_seen += phase.global_train_batch_size;
  state_.optimizer_steps = parts_.optimizer.step_count();
  state_.skipped_steps += result.skipped ? 1 : 0;
  const LossScaler& scaler = parts_.train_step.loss_scaler();
  state_.loss_scale = scaler.is_active() ? scaler.scale() : 0.0;
  state_.finite_steps = scaler.finite_steps();
  parts_.progress.global_step = state_.global_step;
}

bool Trainer::is_due(const ScheduledEvaluation& scheduled, const PhaseConfig& phase) const {
  return every(scheduled.every_steps) || state_.step_in_phase == phase.max_steps;
}

bool Trainer::evaluate(const PhaseConfig& phase, bool only_missing) {
  for (const ScheduledEvaluation& scheduled : parts_.evaluations) {
    Evaluation& evaluation = *scheduled.evaluation;
    if (!is_due(scheduled, phase)) {
      continue;
    }
    if (only_missing) {  // rank 0 has the records
      std::array<double, 1> is_there = {parts_.metrics.had(evaluation.figure()) ? 1.0 : 0.0};
      parts_.communicator.all_reduce_max(is_there);
      if (is_there[0] > 0.0) {
        continue;
      }
    }
    parts_.progress.work = evaluation.work();
    const EvaluationResult result = evaluation.run();
    if (result.empty()) {
      return false;
    }
    parts_.metrics.record(state_, phase.name, result);
    parts_.report.evaluation(last_, result);
  }
  return true;
}

bool Trainer::every(std::int64_t steps) const {
  return steps > 0 && state_.global_step % steps == 0;
}

}  // namespace lambert
