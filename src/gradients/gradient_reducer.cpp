// SPDX-License-Identifier: Apache-2.0
#include "gradients/gradient_reducer.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>

#include "base/clock.h"
#include "base/error.h"
#include "gradients/device_work.h"
#include "gradients/fixed_point_sum.h"
#include "ops/recorded_work.h"
#include "ops/tensor_views.h"

namespace lambert {
namespace {

std::span<float> span_of(const at::Tensor& tensor) {
  return {mutable_floats_of(tensor), static_cast<std::size_t>(tensor.numel())};
}

}  // namespace

// The story: autograd ends in one accumulator node per parameter, which runs once per backward
// pass, after all uses of the parameter (the tied embedding has two) were summed. A hook behind
// each node counts the bucket down. A bucket whose count is zero is ready; ready buckets are
// started in index order, because every rank must start the same reductions in the same order. What
// never became ready (a parameter without gradient in this pass) is started by finish(). A replayed
// pass runs no hooks: when it was recorded they placed a mark behind each full bucket, and finish()
// starts all reductions, each to wait for its bucket's mark.
struct GradientReducer::State {
  State(Communicator& the_communicator, GradientBuckets& the_buckets, Reduction reduction,
        ShardedParameters* sharded_parameters, bool error_feedback)
      : communicator(the_communicator), buckets(the_buckets), sharded(sharded_parameters) {
    for (std::size_t index = 0; index < buckets.buckets().size(); ++index) {
      cuts.push_back(buckets.cuts(index, communicator.size()));
      if (reduction == Reduction::reproducible) {
        sums.emplace_back(buckets.buckets()[index].flat.numel());
      }
      if (error_feedback) {
        residuals.push_back(at::zeros_like(buckets.buckets()[index].flat));
      }
    }
    arm();
  }

  void arm() {
    missing.clear();
    for (const GradientBucket& bucket : buckets.buckets()) {
      missing.push_back(bucket.parameters.size());
    }
    arrived.assign(buckets.parameters().size(), false);
    pending.clear();
  }

  void parameter_is_ready(std::size_t parameter) {
    if (!(reducing || recording) || arrived[parameter]) {
      return;
    }
    arrived[parameter] = true;
    const std::size_t bucket = buckets.bucket_of(parameter);
    --missing[bucket];
    if (recording) {
      if (missing[bucket] == 0) {
        place_mark(bucket);
      }
      return;
    }
    while (pending.size() < missing.size() && missing[pending.size()] == 0) {
      start_next();
    }
  }

  void place_mark(std::size_t bucket) {
    marks[bucket].place(buckets.buckets()[bucket].flat.device());
  }

  void start_next() {
    const std::size_t index = pending.size();
    if (on_first_micro_batch) {  // it is the only one
      on_first_micro_batch(buckets.complete(index));
    }
    pending.push_back(communicator.start(work_of(index)));
  }

  RingWork work_of(std::size_t index) {
    RingWork work;
    work.kind = sharded == nullptr ? RingKind::all_reduce : RingKind::reduce_scatter;
    work.cuts = cuts[index];
    work.name = "gradient " + buckets.name(index);
    const at::Tensor& flat = buckets.complete(index);
    if (!residuals.empty()) {
      work.residual = span_of(residuals[index]);
    }
    if (sums.empty()) {
      work.values = span_of(flat);
      work.producer = producer_of(flat, is_replayed ? marks[index].event() : nullptr);
    } else {
      sums[index].add(flat, micro_batches);
      work.values = sums[index].integers();
      ++work.cuts.back();  // the count of terms left out
    }
    return work;
  }

  /// Reproducible: the sums of this rank's share, or of everything, go to the bucket.
  void take_sums() {
    const auto rank = static_cast<std::size_t>(communicator.rank());
    for (std::size_t index = 0; index < sums.size(); ++index) {
      const at::Tensor& flat = buckets.buckets()[index].flat;
      if (sharded == nullptr) {
        sums[index].move_to(flat);
      } else {
        sums[index].move_to(flat, cuts[index][rank], cuts[index][rank + 1]);
      }
    }
  }

  void end_first_micro_batch() {
    if (on_first_micro_batch) {
      for (std::size_t index = 0; index < buckets.buckets().size(); ++index) {
        on_first_micro_batch(buckets.complete(index));
      }
      on_first_micro_batch = {};
    }
  }

  /// Reproducible: the micro-batch before goes into the fixed-point sums.
  void keep_micro_batch() {
    for (std::size_t index = 0; index < sums.size(); ++index) {
      sums[index].add(buckets.complete(index), micro_batches);
      buckets.zero(index);
    }
  }

  Communicator& communicator;
  GradientBuckets& buckets;
  ShardedParameters* sharded;   // null: all ranks get the whole sum
  std::vector<ShareCuts> cuts;  // per bucket
  std::vector<std::shared_ptr<torch::autograd::Node>> accumulators;  // kept alive for the hooks
  std::vector<std::uintptr_t> hook_keys;
  std::vector<std::size_t> missing;  // per bucket: parameters without a complete gradient
  std::vector<bool> arrived;         // per parameter
  std::vector<std::unique_ptr<PendingCollective>> pending;  // started buckets, in index order
  std::vector<FixedPointSum> sums;    // per bucket; empty in a standard reduction
  std::vector<at::Tensor> residuals;  // per bucket (elements) fp32; empty without error feedback
  std::int64_t micro_batches = 1;     // of all ranks in this step
  OnBucket on_first_micro_batch;      // until it has seen its buckets
  std::vector<DeviceMark> marks;      // per bucket, of recorded passes
  bool reducing = false;
  bool recording = false;
  bool is_replayed = false;      // the last micro-batch
  bool has_micro_batch = false;  // a backward pass was begun in this step
  double exposed_seconds = 0.0;
};

namespace {

/// Runs behind an accumulator node, also when a fused backward wrote the gradient itself and
/// returned none.
template <typename Callback>
class AfterAccumulation final : public torch::autograd::FunctionPostHook {
 public:
  explicit AfterAccumulation(Callback callback) : callback_(std::move(callback)) {}
  torch::autograd::variable_list operator()(
      const torch::autograd::variable_list& outputs,
      const torch::autograd::variable_list& /*inputs*/) override {
    callback_();
    return outputs;
  }

 private:
  Callback callback_;
};

}  // namespace

GradientReducer::GradientReducer(Communicator& communicator, GradientBuckets& buckets,
                                 Reduction reduction, ShardedParameters* sharded,
                                 bool error_feedback)
    : state_(std::make_shared<State>(communicator, buckets, reduction, sharded, error_feedback)) {
  LAMBERT_CHECK(!error_feedback || reduction == Reduction::standard,
                "a reproducible reduction rounds nothing that could be fed back");
  for (std::size_t index = 0; index < buckets.parameters().size(); ++index) {
    auto accumulator = torch::autograd::impl::grad_accumulator(buckets.parameters()[index].master);
    LAMBERT_CHECK(accumulator != nullptr,
                  buckets.parameters()[index].name + " is not an autograd leaf");
    const auto on_gradient = [state = std::weak_ptr<State>(state_), index] {
      if (const std::shared_ptr<State> alive = state.lock()) {
        alive->parameter_is_ready(index);
      }
    };
    state_->hook_keys.push_back(accumulator->add_post_hook(
        std::make_unique<AfterAccumulation<decltype(on_gradient)>>(on_gradient)));
    state_->accumulators.push_back(std::move(accumulator));
  }
}

GradientReducer::~GradientReducer() {
  for (std::size_t index = 0; index < state_->accumulators.size(); ++index) {
    state_->accumulators[index]->del_post_hook(state_->hook_keys[index]);
  }
}

void GradientReducer::begin_step(std::int64_t micro_batches, OnBucket on_first_micro_batch) {
  state_->micro_batches = micro_batches;
  state_->on_first_micro_batch = std::move(on_first_micro_batch);
}

void GradientReducer::begin_recording() {
  state_->arm();
  state_->marks.resize(state_->buckets.buckets().size());
  state_->recording = true;
}

void GradientReducer::end_recording() {
  if (!state_->recording) {
    return;  // a replay
  }
  for (std::size_t bucket = 0; bucket < state_->missing.size(); ++bucket) {
    if (state_->missing[bucket] > 0) {
      state_->place_mark(bucket);
    }
  }
  state_->recording = false;
  state_->arm();
}

void GradientReducer::begin_micro_batch(bool is_last, BackwardPass pass) {
  if (state_->has_micro_batch) {
    state_->end_first_micro_batch();
    state_->keep_micro_batch();
  }
  state_->has_micro_batch = true;
  state_->is_replayed = pass == BackwardPass::replayed;
  state_->reducing = is_last && !state_->is_replayed;
}

ReducedGradients GradientReducer::finish() {
  state_->buckets.check_views();
  while (state_->pending.size() < state_->buckets.buckets().size()) {
    state_->start_next();
  }
  const Stopwatch waiting;
  for (const std::unique_ptr<PendingCollective>& reduction : state_->pending) {
    reduction->wait();
  }
  state_->exposed_seconds = waiting.seconds();
  if (state_->sharded != nullptr) {
    state_->sharded->reset_waited_seconds();
  }
  state_->take_sums();
  state_->arm();
  state_->reducing = false;
  state_->is_replayed = false;
  state_->has_micro_batch = false;
  state_->on_first_micro_batch = {};
  return {state_->buckets, state_->sharded};
}

at::Tensor GradientReducer::residual(std::size_t parameter) const {
  const at::Tensor& gradient = state_->buckets.gradient(parameter);
  return state_->residuals[state_->buckets.bucket_of(parameter)]
      .narrow(0, gradient.storage_offset(), gradient.numel())
      .view(gradient.sizes());
}

double GradientReducer::exposed_seconds() const {
  return state_->exposed_seconds +
         (state_->sharded == nullptr ? 0.0 : state_->sharded->waited_seconds());
}

}  // namespace lambert
