// SPDX-License-Identifier: Apache-2.0
// A tensor, or a rank's range of it, as blocks that threads share out. Block sums are added in
// block order: the same bits for any number of threads, and of ranks that share the tensor.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "kernels/update_block.h"

namespace lambert {

/// Block `block` of the range.
UpdateBlock part_of(const UpdateBlock& range, std::size_t block);

/// Calls work(block) for each block of the range, on all threads.
void for_each_block(const UpdateBlock& range, const std::function<void(const UpdateBlock&)>& work);

/// sums[i] = work(block i); one element for each block.
void measure_blocks(const UpdateBlock& range, std::span<SquaredNorms> sums,
                    const std::function<SquaredNorms(const UpdateBlock&)>& work);

SquaredNorms sum_in_order(std::span<const SquaredNorms> sums);

}  // namespace lambert
