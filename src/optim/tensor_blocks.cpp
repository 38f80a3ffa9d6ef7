// SPDX-License-Identifier: Apache-2.0
#include "optim/tensor_blocks.h"

#include <algorithm>

#include <ATen/Parallel.h>

namespace lambert {
namespace {

std::size_t block_count_of(const UpdateBlock& tensor) {
  return (tensor.count + kUpdateBlock - 1) / kUpdateBlock;
}

UpdateBlock part_of(const UpdateBlock& tensor, std::size_t block) {
  const std::size_t begin = block * kUpdateBlock;
  return {tensor.weight + begin,
          tensor.gradient + begin,
          tensor.first + begin,
          tensor.second == nullptr ? nullptr : tensor.second + begin,
          tensor.rounded_weight == nullptr ? nullptr : tensor.rounded_weight + begin,
          std::min(kUpdateBlock, tensor.count - begin)};
}

void for_each_number(std::size_t block_count, const std::function<void(std::size_t)>& work) {
  at::parallel_for(0, static_cast<std::int64_t>(block_count), 4,
                   [&](std::int64_t first, std::int64_t last) {
                     for (std::int64_t block = first; block < last; ++block) {
                       work(static_cast<std::size_t>(block));
                     }
                   });
}

}  // namespace

UpdateBlock whole_tensor(const NamedParameter& parameter, const at::Tensor& gradient,
                         const OptimizerMoments& moments) {
  const bool has_copy = parameter.compute.const_data_ptr() != parameter.master.const_data_ptr();
  return {static_cast<float*>(parameter.master.data_ptr()),
          gradient.const_data_ptr<float>(),
          moments.first.data_ptr<float>(),
          moments.second.defined() ? moments.second.data_ptr<float>() : nullptr,
          has_copy ? static_cast<std::uint16_t*>(parameter.compute.data_ptr()) : nullptr,
          static_cast<std::size_t>(parameter.master.numel())};
}

void for_each_block(const UpdateBlock& tensor,
                    const std::function<void(const UpdateBlock&)>& work) {
  for_each_number(block_count_of(tensor), [&](std::size_t block) { work(part_of(tensor, block)); });
}

SquaredNorms sum_over_blocks(const UpdateBlock& tensor,
                             const std::function<SquaredNorms(const UpdateBlock&)>& work) {
  std::vector<SquaredNorms> sums(block_count_of(tensor));
  for_each_number(sums.size(),
                  [&](std::size_t block) { sums[block] = work(part_of(tensor, block)); });
  SquaredNorms total;
  for (const SquaredNorms& sum : sums) {
    total.weight += sum.weight;
    total.update += sum.update;
  }
  return total;
}

}  // namespace lambert
