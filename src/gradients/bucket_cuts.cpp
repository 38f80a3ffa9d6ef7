// SPDX-License-Identifier: Apache-2.0
#include "gradients/bucket_cuts.h"

#include <numeric>

namespace lambert {
namespace {

/// The beginning of a block that is nearest to `ideal`, which lies inside the bucket.
std::size_t nearest_block(std::span<const std::size_t> tensor_sizes, std::size_t ideal) {
  std::size_t tensor_begin = 0;
  std::size_t tensor = 0;
  while (ideal >= tensor_begin + tensor_sizes[tensor]) {
    tensor_begin += tensor_sizes[tensor++];
  }
  const std::size_t below = tensor_begin + (ideal - tensor_begin) / kNormBlock * kNormBlock;
  const std::size_t tensor_end = tensor_begin + tensor_sizes[tensor];
  const std::size_t above = std::min(below + kNormBlock, tensor_end);
  const bool is_last = above == tensor_end && tensor + 1 == tensor_sizes.size();
  return is_last || ideal - below <= above - ideal ? below : above;
}

}  // namespace

ShareCuts cut_bucket(std::span<const std::size_t> tensor_sizes, int ranks) {
  const std::size_t count = std::accumulate(tensor_sizes.begin(), tensor_sizes.end(), 0UL);
  const auto shares = static_cast<std::size_t>(ranks);
  ShareCuts cuts = {0};
  for (std::size_t rank = 1; rank < shares; ++rank) {
    cuts.push_back(nearest_block(tensor_sizes, count * rank / shares));
  }
  cuts.push_back(count);
  return cuts;
}

}  // namespace lambert
