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

/// Starts the all-reduce of a bucket as soon as the backward pass of the last micro-batch has
/// filled it. Buckets are started in index order on every rank: a bucket that is full early waits
/// for its predecessors. A reproducible reduction sums micro-batches and ranks in fixed point (see
/// fixed_point_sum.h).
class GradientReducer {
 public:
  GradientReducer(Communicator& communicator, GradientBuckets& buckets, Reduction reduction);
  ~GradientReducer();

  using OnBucket = std::function<void(const at::Tensor& flat)>;  // (elements) fp32
  /// Before the first backward pass of a step. micro_batches: of all ranks together.
  /// on_first_micro_batch, if any, sees every bucket as the rank's first micro-batch left it,
  /// before anything is added or reduced.
  void begin_step(std::int64_t micro_batches, OnBucket on_first_micro_batch = {});
  /// Before every backward pass.
  void begin_micro_batch(bool is_last);
  /// Waits for all buckets. Throws CommError naming the bucket. Call once per step after the last
  /// backward pass.
  ReducedGradients finish();
  /// Seconds the last finish() waited: the part of the reduction that compute did not hide.
  double exposed_seconds() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace lambert
