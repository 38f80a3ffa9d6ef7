// SPDX-License-Identifier: Apache-2.0
// Optimizers accept reduced gradients only; this makes them from tensors on one rank.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "comm/communicator.h"
#include "gradients/gradient_buckets.h"
#include "gradients/gradient_reducer.h"

namespace lambert {

class OneRankGradients {
 public:
  explicit OneRankGradients(std::vector<NamedParameter> parameters)
      : buckets_(std::move(parameters), 1 << 20),
        reducer_(*communicator_, buckets_, Reduction::standard) {}

  /// gradients: one per parameter, shape of its master, fp32.
  ReducedGradients set(const std::vector<at::Tensor>& gradients) {
    for (std::size_t index = 0; index < gradients.size(); ++index) {
      at::Tensor view = buckets_.gradient(index);
      view.copy_(gradients[index]);
    }
    return reducer_.finish();
  }
  const std::vector<NamedParameter>& parameters() const { return buckets_.parameters(); }

 private:
  std::unique_ptr<Communicator> communicator_ = make_single_communicator();
  GradientBuckets buckets_;
  GradientReducer reducer_;
};

}  // namespace lambert
