// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gradients/gradient_buckets.h"
#include "gradients/sharded_parameters.h"

namespace lambert {

/// The proof that the sum over ranks is complete: only GradientReducer::finish() makes one, and it
/// is the only thing an optimizer accepts. A view; valid until the next GradientBuckets::zero().
class ReducedGradients {
 public:
  const GradientBuckets& buckets() const { return *buckets_; }
  /// Not null: only the own ranges of its parameters are reduced.
  ShardedParameters* sharded() const { return sharded_; }

 private:
  friend class GradientReducer;
  ReducedGradients(const GradientBuckets& buckets, ShardedParameters* sharded)
      : buckets_(&buckets), sharded_(sharded) {}
  const GradientBuckets* buckets_;
  ShardedParameters* sharded_;
};

}  // namespace lambert
