// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <ATen/core/Tensor.h>

namespace lambert {

/// block(input), keeping only the input: the backward pass computes the block again (Chen et al.
/// 2016, activation checkpointing). The block adds the gradients of its parameters itself
/// (parameter_gradient.h) and must give the same result the second time: with uses_generator the
/// device's generator then draws again what it drew at first. Without gradients enabled it is just
/// block(input).
at::Tensor checkpointed(const at::Tensor& input,
                        const std::function<at::Tensor(const at::Tensor&)>& block,
                        bool uses_generator = false);

}  // namespace lambert
