// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "comm/communicator.h"
#include "config/run_config.h"
#include "gradients/gradient_buckets.h"
#include "gradients/reduced_gradients.h"

namespace lambert {

/// How the gradients of a micro-batch come about: autograd walks, or a device repeats what was
/// recorded (ops/recorded_work.h).
enum class BackwardPass { now, replayed };

/// Starts the reduction of a bucket as soon as the backward pass of the last micro-batch has filled
/// it: an all-reduce, or with sharded parameters a reduce-scatter. Buckets are started in index
/// order on every rank: a bucket that is full early waits for its predecessors. A reproducible
/// reduction sums micro-batches and ranks in fixed point (see fixed_point_sum.h).
class GradientReducer {
 public:
  /// sharded: null, or of the same buckets. error_feedback: standard reductions only; see the story
  /// in ring_all_reduce.h.
  GradientReducer(Communicator& communicator, GradientBuckets& buckets, Reduction reduction,
                  ShardedParameters* sharded = nullptr, bool error_feedback = false);
  ~GradientReducer();

  using OnBucket = std::function<void(const at::Tensor& flat)>;  // (elements) fp32
  /// Before the first backward pass of a step. micro_batches: of all ranks together.
  /// on_first_micro_batch, if any, sees every bucket as the rank's first micro-batch left it,
  /// before anything is added or reduced.
  void begin_step(std::int64_t micro_batches, OnBucket on_first_micro_batch = {});
  /// Before every backward pass.
  void begin_micro_batch(bool is_last, BackwardPass pass = BackwardPass::now);
  /// Before a backward pass is recorded, and as the last of the recorded work: replays then mark
  /// the place where a bucket is full, so that its reduction can begin there.
  void begin_recording();
  void end_recording();
  /// Waits for all buckets. Throws CommError naming the bucket. Call once per step after the last
  /// backward pass.
  ReducedGradients finish();
  /// Seconds of the last step spent waiting for other ranks: the part of the reduction, and of the
  /// sharded step's exchanges, that compute did not hide.
  double exposed_seconds() const;
  /// With error feedback: what rounding has taken from the parameter's sums on this rank and the
  /// next step adds again. fp32, shape of the parameter.
  at::Tensor residual(std::size_t parameter) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace lambert
