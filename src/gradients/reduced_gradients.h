// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gradients/gradient_buckets.h"

namespace lambert {

/// The proof that the sum over ranks is complete: only GradientReducer::finish() makes one, and it
/// is the only thing an optimizer accepts. A view; valid until the next GradientBuckets::zero().
class ReducedGradients {
 public:
  const GradientBuckets& buckets() const { return *buckets_; }

 private:
  friend class GradientReducer;
  explicit ReducedGradients(const GradientBuckets& buckets) : buckets_(&buckets) {}
  const GradientBuckets* buckets_;
};

}  // namespace lambert
