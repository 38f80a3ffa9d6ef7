// SPDX-License-Identifier: Apache-2.0
#include "kernels/update_block.h"

namespace lambert {

double sum_of_squares(std::span<const float> values) {
  Lanes lanes{};
  add_squares(lanes, values.data(), values.size());
  return sum_of(lanes);
}

void round_weights(const UpdateBlock& block) {
  if (block.rounded_weight == nullptr) {
    return;
  }
  if (block.rounded_type == ElementType::float16) {
    for (std::size_t i = 0; i < block.count; ++i) {
      block.rounded_weight[i] = from_float<Float16>(block.weight[i]).bits;
    }
    return;
  }
  for (std::size_t i = 0; i < block.count; ++i) {
    block.rounded_weight[i] = rounded_weight_bits(block.weight[i]);
  }
}

}  // namespace lambert
