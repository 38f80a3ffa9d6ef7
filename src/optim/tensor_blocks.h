// SPDX-License-Identifier: Apache-2.0
// One tensor as blocks that threads share out. Block sums are added in block order: the same bits
// for any number of threads.
#pragma once

#include <functional>

#include "optim/optimizer.h"
#include "optim/update_block.h"

namespace lambert {

/// The arrays of one tensor. Weights are written through plain pointers: autograd is not involved.
UpdateBlock whole_tensor(const NamedParameter& parameter, const at::Tensor& gradient,
                         const OptimizerMoments& moments);

/// Calls work(block) for each block of the tensor, on all threads.
void for_each_block(const UpdateBlock& tensor, const std::function<void(const UpdateBlock&)>& work);

/// The sum of work(block) over the blocks of the tensor.
SquaredNorms sum_over_blocks(const UpdateBlock& tensor,
                             const std::function<SquaredNorms(const UpdateBlock&)>& work);

}  // namespace lambert
