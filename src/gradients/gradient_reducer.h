// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "comm/communicator.h"
#include "gradients/gradient_buckets.h"
#include "gradients/reduced_gradients.h"

namespace lambert {

/// Starts the all-reduce of a bucket as soon as the backward pass of the last micro-batch has filled it.
/// Buckets are started in index order on every rank: a bucket that is full early waits for its predecessors.
class GradientReducer {
 public:
  GradientReducer(Communicator& communicator, GradientBuckets& buckets);
  ~GradientReducer();

  /// False for all micro-batches of a step but the last.
  void set_reducing(bool reducing);
  /// Waits for all buckets. Throws CommError naming the bucket. Call once per step after the last backward pass.
  ReducedGradients finish();
  /// Seconds the last finish() waited: the part of the reduction that compute did not hide.
  double exposed_seconds() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace lambert
