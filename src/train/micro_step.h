// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "config/run_config.h"
#include "data/batch.h"
#include "gradients/gradient_reducer.h"
#include "model/bert_for_pretraining.h"
#include "ops/recorded_work.h"

namespace lambert {

/// What the sums of a micro-batch's losses are multiplied by, so that the gradients of all
/// micro-batches and ranks add up to the step's.
struct LossWeights {
  double mlm = 1.0;
  double nsp = 1.0;
};

/// Up to how many tokens (rows, padding included) the work of a micro-batch is recorded once and
/// then repeated as a CUDA graph: none on the CPU, and with cuda_graphs: auto those whose kernels
/// are so short that starting them one by one would take longer. Throws ConfigError for
/// cuda_graphs: true where nothing can be recorded.
std::int64_t largest_recorded_micro_batch(const RunConfig& config, const at::Device& device);

/// For a log: "cuda_graphs=false", "cuda_graphs=true" or "cuda_graphs=up_to_8192_tokens".
std::string describe_recording(std::int64_t largest_recorded_micro_batch);

/// Forward and backward pass of one micro-batch.
class MicroStep {
 public:
  MicroStep(const RunConfig& config, BertForPreTraining& model, GradientReducer& reducer);

  /// Adds to the gradients. is_last: of this rank in the step. Throws DeviceError.
  PretrainingLoss run(const Batch& batch, const DropoutStream& dropout, const LossWeights& weights,
                      bool is_last);
  /// Micro-batches that were repetitions of recorded work.
  std::int64_t replays() const { return replays_; }

 private:
  /// Everything that the work of a micro-batch reads.
  struct Inputs {
    PretrainingTensors tensors;
    at::Tensor loss_weights;  // (2) fp32
  };
  /// The work of micro-batches that have one shape. Its inputs stay where they are; their values
  /// change.
  struct Recording {
    Inputs inputs;
    PretrainingLoss loss;
    std::unique_ptr<RecordedWork> work;  // null until the shape is seen again
    std::int64_t last_use = 0;
  };
  using Shape = std::array<std::int64_t, 4>;  // rows, sequences, masked rows, longest sequence

  static Shape shape_of(const PretrainingTensors& tensors);
  PretrainingLoss compute(const Inputs& inputs);
  PretrainingLoss run_now(const Inputs& inputs, bool is_last);
  PretrainingLoss replay(Recording& recording, const Inputs& host, bool is_last);
  void record(Recording& recording);
  Recording& make_room_for(const Shape& shape);

  BertForPreTraining& model_;
  GradientReducer& reducer_;
  std::int64_t largest_recorded_;
  std::map<Shape, Recording> recordings_;
  std::int64_t uses_ = 0;
  std::int64_t replays_ = 0;
};

}  // namespace lambert
