// SPDX-License-Identifier: Apache-2.0
#include "train/micro_step.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include "base/error.h"
#include "base/log.h"
#include "config/model_size.h"
#include "model/kernel_choice.h"
#include "ops/device.h"
#include "train/micro_batch_inputs.h"

namespace lambert {
namespace {

/// Shapes whose work is kept. Micro-batches are dealt evenly and rounded up, so a phase has a few.
constexpr std::size_t kMostRecordings = 16;

/// Why the work cannot be recorded; empty when it can.
std::string obstacle_to_recording(const RunConfig& config, const at::Device& device) {
  if (device.is_cpu()) {
    return "it is for CUDA devices, and this run is on the CPU";
  }
  const KernelChoice kernels = choose_kernels(kernel_request(config), config.model, device);
  if (config.gradient_checkpointing && kernels.attention == AttentionKernel::flash &&
      config.model.attention_probs_dropout_prob > 0.0) {
    return "with gradient_checkpointing FlashAttention would draw other dropout masks in the "
           "backward pass; set attention_kernel: tiled";
  }
  return "";
}

PretrainingLoss without_graph(PretrainingLoss loss) {
  loss.mlm_sum = loss.mlm_sum.detach();
  loss.nsp_sum = loss.nsp_sum.detach();
  return loss;
}

std::vector<at::Tensor*> tensors_of(PretrainingLoss& loss) {
  return {&loss.mlm_sum, &loss.nsp_sum, &loss.mlm_correct, &loss.nsp_correct};
}

PretrainingLoss copy_of(PretrainingLoss loss) {
  for (at::Tensor* const tensor : tensors_of(loss)) {
    *tensor = tensor->clone();
  }
  return loss;
}

void copy_values(PretrainingLoss from, PretrainingLoss& to) {
  const std::vector<at::Tensor*> sources = tensors_of(from);
  const std::vector<at::Tensor*> targets = tensors_of(to);
  for (std::size_t index = 0; index < sources.size(); ++index) {
    targets[index]->copy_(*sources[index]);
  }
}

}  // namespace

std::int64_t largest_recorded_micro_batch(const RunConfig& config, const at::Device& device) {
  const std::string obstacle = obstacle_to_recording(config, device);
  if (config.cuda_graphs == AutoFlag::on) {
    if (!obstacle.empty()) {
      throw ConfigError("cuda_graphs: true: " + obstacle + ", or set cuda_graphs: auto");
    }
    return std::numeric_limits<std::int64_t>::max();
  }
  return config.cuda_graphs == AutoFlag::automatic && obstacle.empty() ? kLargestRecordedByDefault
                                                                       : 0;
}

std::string describe_recording(std::int64_t largest_recorded_micro_batch) {
  if (largest_recorded_micro_batch == 0) {
    return "cuda_graphs=false";
  }
  return largest_recorded_micro_batch == std::numeric_limits<std::int64_t>::max()
             ? "cuda_graphs=true"
             : "cuda_graphs=up_to_" + std::to_string(largest_recorded_micro_batch) + "_tokens";
}

MicroStep::MicroStep(const RunConfig& config, BertForPreTraining& model, GradientReducer& reducer)
    : model_(model),
      reducer_(reducer),
      largest_recorded_(largest_recorded_micro_batch(config, model.device())) {}

PretrainingLoss MicroStep::run(const Batch& batch, const DropoutStream& dropout,
                               const LossWeights& weights, bool is_last) {
  const Inputs host{model_.make_tensors(to_model_inputs(batch, dropout)),
                    at::tensor({static_cast<float>(weights.mlm), static_cast<float>(weights.nsp)})};
  const Shape shape = shape_of(host.tensors);
  const auto found = recordings_.find(shape);
  if (found != recordings_.end()) {
    return replay(found->second, host, is_last);
  }
  const Inputs inputs{to_device(host.tensors, model_.device()),
                      to_device(host.loss_weights, model_.device())};
  const PretrainingLoss loss = run_now(inputs, is_last);
  if (shape.front() <= largest_recorded_) {
    Recording& recording = make_room_for(shape);
    recording.inputs = inputs;
    recording.loss = copy_of(loss);
  }
  return loss;
}

MicroStep::Shape MicroStep::shape_of(const PretrainingTensors& tensors) {
  return {tensors.encoder.ids.input_ids.size(0), tensors.encoder.sample_numbers.size(0),
          tensors.masked_labels.size(0), tensors.encoder.tokens.longest};
}

PretrainingLoss MicroStep::compute(const Inputs& inputs) {
  const PretrainingLoss loss = model_.forward(inputs.tensors);
  (loss.mlm_sum * inputs.loss_weights.select(0, 0) +
   loss.nsp_sum * inputs.loss_weights.select(0, 1))
      .backward();
  return without_graph(loss);
}

PretrainingLoss MicroStep::run_now(const Inputs& inputs, bool is_last) {
  reducer_.begin_micro_batch(is_last);
  model_.begin(inputs.tensors);
  return compute(inputs);
}

PretrainingLoss MicroStep::replay(Recording& recording, const Inputs& host, bool is_last) {
  Inputs values = host;
  const std::vector<at::Tensor*> sources = tensors_of(values.tensors);
  const std::vector<at::Tensor*> targets = tensors_of(recording.inputs.tensors);
  for (std::size_t index = 0; index < sources.size(); ++index) {
    copy_to_device(*sources[index], *targets[index]);
  }
  copy_to_device(values.loss_weights, recording.inputs.loss_weights);
  reducer_.begin_micro_batch(is_last, BackwardPass::replayed);
  model_.begin(host.tensors);
  if (recording.work == nullptr) {
    record(recording);
  }
  recording.work->replay();
  recording.last_use = ++uses_;
  ++replays_;
  PretrainingLoss loss = copy_of(recording.loss);
  loss.masked_tokens = host.tensors.masked_tokens;
  return loss;
}

void MicroStep::record(Recording& recording) {
  reducer_.begin_recording();
  recording.work = record_work(model_.device(), [this, &recording] {
    copy_values(compute(recording.inputs), recording.loss);
    reducer_.end_recording();
  });
  log_debug("recorded a micro-batch of " + std::to_string(shape_of(recording.inputs.tensors)[0]) +
            " rows as a CUDA graph");
}

/// A new place among the recordings; the one that was not used for the longest time may go for it.
MicroStep::Recording& MicroStep::make_room_for(const Shape& shape) {
  if (recordings_.size() == kMostRecordings) {
    recordings_.erase(std::min_element(recordings_.begin(), recordings_.end(),
                                       [](const auto& left, const auto& right) {
                                         return left.second.last_use < right.second.last_use;
                                       }));
  }
  Recording& recording = recordings_[shape];
  recording.last_use = ++uses_;
  return recording;
}

}  // namespace lambert
