// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "gradients/sharded_parameters.h"
#include "kernels/gradient_squares.h"
#include "kernels/lamb_update.h"
#include "optim/optimizer.h"

namespace lambert {

/// What a device updates in a step, all tensors at once: the plan of the kernels and the memory
/// that it points to. One for the life of an optimizer, because nothing of it moves.
class DeviceUpdate {
 public:
  /// ranges: this rank's part of each tensor, in the device's memory. element_counts: of the whole
  /// tensors. sharded: null when the ranges are whole tensors.
  DeviceUpdate(const std::vector<UpdateBlock>& ranges,
               const std::vector<std::size_t>& element_counts,
               const std::vector<ParameterTreatment>& treatments, ShardedParameters* sharded,
               const at::Device& device);

  /// Waits for the device: whether there is a step is the host's decision.
  GradientSquares measure_gradients();
  /// Moments, trust ratios, weights and their copies. Waits only when sharded, for other ranks.
  void step(const LambStep& step);
  /// Waits for the device.
  std::vector<TensorUpdate> last_updates() const;

 private:
  CudaStream stream() const;
  void complete(const at::Tensor& sums);

  ShardedParameters* sharded_;
  at::Device device_;
  at::Tensor blocks_;   // PlannedBlock each
  at::Tensor tensors_;  // PlannedTensor each
  UpdatePlan plan_;
  at::Tensor gradient_sums_;  // (norm blocks) double
  at::Tensor squares_;        // (tensors) double
  at::Tensor total_;          // a GradientSquares
  at::Tensor sums_;           // SquaredNorms of each norm block
  at::Tensor updates_;        // TensorUpdate each
  at::Tensor rates_;          // (tensors) fp32
};

}  // namespace lambert
