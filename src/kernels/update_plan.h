// SPDX-License-Identifier: Apache-2.0
// What a device updates in one step: all blocks of all tensors of the rank at once. Built once, of
// memory that stays where it is.
#pragma once

#include <cstdint>

#include "kernels/update_block.h"

namespace lambert {

struct PlannedBlock {
  UpdateBlock block{};         // at most kUpdateBlock elements, in device memory
  std::int32_t tensor = 0;     // its number
  std::int32_t sum_index = 0;  // where the block's sums go
};

struct PlannedTensor {
  std::int64_t first_sum = 0;  // of its blocks' sums, which lie in order
  std::int64_t sum_count = 0;  // of all its blocks, those of other ranks included
  bool decayed = false;
  bool adapted = false;
};

/// Both arrays in device memory.
struct UpdatePlan {
  const PlannedBlock* blocks = nullptr;  // of this rank
  std::int64_t block_count = 0;
  const PlannedTensor* tensors = nullptr;  // of the model
  std::int64_t tensor_count = 0;
};

}  // namespace lambert
