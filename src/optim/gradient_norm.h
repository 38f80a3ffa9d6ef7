// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include "gradients/reduced_gradients.h"

namespace lambert {

struct GradientNorm {
  double value = 0.0;  // global L2 norm over all tensors
  bool finite = true;
  std::string non_finite_tensor = {};  // the first one, in parameter order
  /// min(1, max_norm / norm); 1 when max_norm is 0.
  double clip_scale(double max_norm) const;
};

/// One global norm over all tensors, accumulated in double in parameter order: the same bits on
/// every rank. Sharded: all ranks together.
GradientNorm measure_gradient_norm(const ReducedGradients& gradients);

/// Sum of the squares in double; tensor: contiguous fp32. The thread count does not change a bit.
double squared_norm(const at::Tensor& tensor);

}  // namespace lambert
