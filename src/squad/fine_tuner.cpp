// SPDX-License-Identifier: Apache-2.0
#include "squad/fine_tuner.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/stop_signal.h"
#include "config/run_config_fields.h"
#include "data/batch.h"
#include "ops/device.h"
#include "optim/gradient_norm.h"
#include "optim/lr_schedule.h"
#include "squad/fine_tuning_report.h"
#include "train/micro_batch_inputs.h"

namespace lambert {
namespace {

PhaseConfig make_schedule(const SquadConfig& config, std::int64_t steps) {
  PhaseConfig phase;
  phase.max_steps = std::max<std::int64_t>(steps, 1);
  phase.learning_rate = config.learning_rate;
  phase.warmup_steps = config.warmup_steps;
  phase.lr_decay_origin = config.lr_decay_origin;
  return phase;
}

std::int64_t divide_up(std::int64_t value, std::int64_t by) {
  return (value + by - 1) / by;
}

}  // namespace

FineTuningPlan::FineTuningPlan(const SquadConfig& config, std::uint64_t seed,
                               std::int64_t window_count, int ranks)
    : window_count_(window_count),
      global_batch_(config.global_train_batch_size > 0
                        ? config.global_train_batch_size
                        : config.per_device_train_batch_size * ranks),
      micro_batch_(config.per_device_train_batch_size),
      steps_per_epoch_(divide_up(window_count, global_batch_)),
      steps_(static_cast<std::int64_t>(
          std::ceil(config.num_train_epochs * static_cast<double>(steps_per_epoch_)))),
      ranks_(ranks),
      is_reproducible_(config.communication.reduction == Reduction::reproducible),
      shuffles_(config.shuffle),
      order_(seed, 0, window_count),
      schedule_(make_schedule(config, steps_)) {
  const std::string what = "planning the fine-tuning: ";
  if (static_cast<double>(steps_) > kMaxSteps) {
    throw ConfigError(what + std::to_string(steps_) +
                      " steps are more than checkpoints can number; lower num_train_epochs");
  }
  if (steps_ > 0 && config.warmup_steps > static_cast<double>(steps_)) {
    throw ConfigError(what + "warmup_steps is above all " + std::to_string(steps_) +
                      " steps; use at most that, or a share below 1");
  }
}

double FineTuningPlan::rate_at(std::int64_t step) const {
  return LrSchedule(schedule_).rate_at(step);
}

std::int64_t FineTuningPlan::windows_in(std::int64_t step) const {
  const std::int64_t first = step % steps_per_epoch_ * global_batch_;
  return std::min(global_batch_, window_count_ - first);
}

std::int64_t FineTuningPlan::windows_before(std::int64_t step) const {
  return step / steps_per_epoch_ * window_count_ + step % steps_per_epoch_ * global_batch_;
}

std::int64_t FineTuningPlan::micro_batches_in(std::int64_t step) const {
  const std::int64_t windows = windows_in(step);
  const std::int64_t fewest = divide_up(windows, micro_batch_);
  return is_reproducible_ ? fewest : std::min(divide_up(fewest, ranks_) * ranks_, windows);
}

std::vector<std::vector<FineTuningPlan::Sample>> FineTuningPlan::micro_batches(std::int64_t step,
                                                                               int rank) const {
  const std::int64_t epoch = step / steps_per_epoch_;
  const std::int64_t first = step % steps_per_epoch_ * global_batch_;
  const std::int64_t windows = windows_in(step);
  const std::int64_t count = micro_batches_in(step);
  std::vector<std::vector<Sample>> micro_batches;
  for (std::int64_t number = count * rank / ranks_; number < count * (rank + 1) / ranks_;
       ++number) {
    micro_batches.emplace_back();
    for (std::int64_t index = windows * number / count; index < windows * (number + 1) / count;
         ++index) {
      const std::int64_t place = first + index;
      const std::int64_t window = shuffles_ ? order_.example_at(epoch, place) : place;
      micro_batches.back().push_back({static_cast<std::size_t>(window),
                                      static_cast<std::uint64_t>(epoch * window_count_ + place)});
    }
  }
  return micro_batches;
}

FineTuningSteps::FineTuningSteps(const SquadConfig& config, std::uint64_t seed, Parts parts,
                                 const std::vector<SquadFeature>& features)
    : config_(config),
      seed_(seed),
      parts_(parts),
      features_(features),
      plan_(config, seed, static_cast<std::int64_t>(features.size()), parts.communicator.size()) {}

double FineTuningSteps::accumulate_gradients(std::int64_t step) {
  const auto micro_batches = plan_.micro_batches(step, parts_.communicator.rank());
  const DropoutStream dropout{seed_, 0, step};
  const auto total = static_cast<double>(plan_.windows_in(step));
  if (micro_batches.empty()) {  // nothing to add, but the buckets must be reduced
    parts_.reducer.begin_micro_batch(true);
    const SpanLoss idle = parts_.model.forward(
        make_question_answering_inputs({&features_.front()}, {0}, dropout, true));
    (idle.sum * 0.0).backward();
    return 0.0;
  }
  double sum = 0.0;
  for (const auto& samples : micro_batches) {
    std::vector<const SquadFeature*> windows;
    std::vector<std::uint64_t> numbers;
    for (const FineTuningPlan::Sample& sample : samples) {
      windows.push_back(&features_[sample.window]);
      numbers.push_back(sample.number);
    }
    parts_.reducer.begin_micro_batch(&samples == &micro_batches.back());
    const SpanLoss loss =
        parts_.model.forward(make_question_answering_inputs(windows, numbers, dropout, true));
    (loss.sum / total).backward();
    sum += loss.sum.item<double>();
  }
  return sum;
}

FineTuningStep FineTuningSteps::run(std::int64_t step, StopRequest (*request)()) {
  parts_.buckets.zero();
  parts_.reducer.begin_step(plan_.micro_batches_in(step));
  parts_.progress.work = "forward";
  const double loss_sum = accumulate_gradients(step);
  parts_.progress.work = "reduce";
  const ReducedGradients gradients = parts_.reducer.finish();
  parts_.progress.work = "optimizer";
  const GradientNorm norm = parts_.optimizer.measure_norm(gradients);
  if (norm.finite) {
    parts_.optimizer.step(gradients, norm.clip_scale(config_.optimizer.max_grad_norm),
                          plan_.rate_at(step));
  }
  const StopRequest mine = request();
  std::array<double, 3> sums = {loss_sum, mine == StopRequest::save ? 1.0 : 0.0,
                                mine == StopRequest::save_and_stop ? 1.0 : 0.0};
  parts_.communicator.all_reduce_sum(sums);
  FineTuningStep result{sums[0] / static_cast<double>(plan_.windows_in(step)), norm.value,
                        norm.finite};
  if (sums[2] > 0.0) {
    result.request = StopRequest::save_and_stop;
  } else if (sums[1] > 0.0) {
    result.request = StopRequest::save;
  }
  return result;
}

FineTuner::FineTuner(const SquadConfig& config, std::uint64_t seed, Parts parts,
                     const std::vector<SquadFeature>& features)
    : config_(config),
      seed_(seed),
      parts_(parts),
      steps_(config, seed,
             {parts.communicator, parts.model, parts.buckets, parts.reducer, parts.optimizer,
              parts.progress},
             features) {}

StopReason FineTuner::run(TrainState state) {
  const FineTuningPlan& plan = steps_.plan();
  const std::int64_t first_step = state.global_step;
  const at::Device device = parts_.model.parameters().front().master.device();
  FineTuningReport report(parts_.metrics, config_.logging, seed_, plan.steps());
  while (state.global_step < plan.steps()) {
    const Stopwatch watch;
    const std::int64_t step = state.global_step;
    const double learning_rate = plan.rate_at(step);
    const FineTuningStep figures = steps_.run(step, take_stop_request);
    if (!figures.is_finite) {
      throw DivergenceError("fine-tuning, step " + std::to_string(step + 1) +
                            ": the gradient is not finite; lower learning_rate");
    }
    const auto windows = static_cast<double>(plan.windows_in(step));
    state.global_step = state.step_in_phase = step + 1;
    state.samples_seen += plan.windows_in(step);
    state.optimizer_steps = parts_.optimizer.step_count();
    parts_.progress.global_step = state.global_step;
    report.step(state,
                {figures.loss, learning_rate, figures.gradient_norm, windows, watch.seconds(),
                 parts_.reducer.exposed_seconds(), peak_memory_bytes(device)});
    const bool stopping = figures.request == StopRequest::save_and_stop ||
                          state.global_step - first_step == config_.stop_after_steps;
    const bool is_due =
        config_.checkpoint.save_steps > 0 && state.global_step % config_.checkpoint.save_steps == 0;
    if (stopping || figures.request == StopRequest::save || is_due) {
      parts_.saver.save(state, stopping ? SaveNeed::required : SaveNeed::periodic);
    }
    if (stopping) {
      return StopReason::signal;
    }
  }
  parts_.saver.save(state, SaveNeed::required);
  return StopReason::run_complete;
}

QuestionAnsweringInputs make_question_answering_inputs(
    const std::vector<const SquadFeature*>& windows, const std::vector<std::uint64_t>& numbers,
    const DropoutStream& dropout, bool with_positions) {
  Batch batch;
  std::vector<std::int64_t> starts;
  std::vector<std::int64_t> ends;
  for (const SquadFeature* window : windows) {
    const auto length = static_cast<std::int32_t>(window->input_ids.size());
    batch.lengths.push_back(length);
    batch.input_ids.insert(batch.input_ids.end(), window->input_ids.begin(),
                           window->input_ids.end());
    for (std::int32_t position = 0; position < length; ++position) {
      batch.token_type_ids.push_back(position < window->window_begin ? 0 : 1);
    }
    starts.push_back(window->start_position);
    ends.push_back(window->end_position);
  }
  batch.sample_numbers = numbers;
  QuestionAnsweringInputs inputs;
  static_cast<EncoderInputs&>(inputs) = to_model_inputs(batch, dropout);
  if (with_positions) {
    inputs.start_positions = at::tensor(starts);
    inputs.end_positions = at::tensor(ends);
  }
  return inputs;
}

}  // namespace lambert
