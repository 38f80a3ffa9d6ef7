// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

namespace lambert {

/// From the gradient of a block's output, contiguous, to the gradients of its inputs in their
/// order; an undefined tensor where there is none, as for parameters, whose gradients the block
/// adds itself (parameter_gradient.h).
using BlockBackward = std::function<std::vector<at::Tensor>(const at::Tensor& above)>;

/// Makes a fused block a node of autograd's graph: output, which the block computed from inputs
/// without autograd's knowledge. backward runs at most once and is then freed with all it holds, so
/// that memory shrinks as the backward pass goes; it must not hold output itself, or neither would
/// ever be freed. Without gradients enabled it is just output.
at::Tensor differentiable(const at::Tensor& output, const std::vector<at::Tensor>& inputs,
                          BlockBackward backward);

}  // namespace lambert
