// SPDX-License-Identifier: Apache-2.0
#include "optim/tensor_blocks.h"

#include <algorithm>

#include <ATen/Parallel.h>

namespace lambert {
namespace {

void for_each_number(std::size_t block_count, const std::function<void(std::size_t)>& work) {
  at::parallel_for(0, static_cast<std::int64_t>(block_count), 4,
                   [&](std::int64_t first, std::int64_t last) {
                     for (std::int64_t block = first; block < last; ++block) {
                       work(static_cast<std::size_t>(block));
                     }
                   });
}

}  // namespace

UpdateBlock part_of(const UpdateBlock& range, std::size_t block) {
  const std::size_t begin = block * kUpdateBlock;
  return {range.weight + begin,
          range.gradient + begin,
          range.first + begin,
          range.second == nullptr ? nullptr : range.second + begin,
          range.rounded_weight == nullptr ? nullptr : range.rounded_weight + begin,
          std::min(kUpdateBlock, range.count - begin),
          range.rounded_type};
}

void for_each_block(const UpdateBlock& range, const std::function<void(const UpdateBlock&)>& work) {
  for_each_number(block_count_of(range.count),
                  [&](std::size_t block) { work(part_of(range, block)); });
}

void measure_blocks(const UpdateBlock& range, std::span<SquaredNorms> sums,
                    const std::function<SquaredNorms(const UpdateBlock&)>& work) {
  for_each_number(sums.size(),
                  [&](std::size_t block) { sums[block] = work(part_of(range, block)); });
}

SquaredNorms sum_in_order(std::span<const SquaredNorms> sums) {
  SquaredNorms total;
  for (const SquaredNorms& sum : sums) {
    total.weight += sum.weight;
    total.update += sum.update;
  }
  return total;
}

}  // namespace lambert
