// SPDX-License-Identifier: Apache-2.0
#include "ops/joined_linear.h"

#include <utility>

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

namespace lambert {
namespace {

std::vector<at::Tensor> compute_weights(const std::vector<LinearWeights>& parts) {
  std::vector<at::Tensor> tensors;
  for (const LinearWeights& part : parts) {
    tensors.push_back(part.weight.compute);
  }
  return tensors;
}

std::vector<at::Tensor> biases(const std::vector<LinearWeights>& parts) {
  std::vector<at::Tensor> tensors;
  for (const LinearWeights& part : parts) {
    tensors.push_back(part.bias.master);
  }
  return tensors;
}

bool are_neighbours(const std::vector<at::Tensor>& parts) {
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const at::Tensor& before = parts[i - 1];
    if (!parts[i].is_alias_of(before) ||
        parts[i].storage_offset() != before.storage_offset() + before.numel()) {
      return false;
    }
  }
  return true;
}

}  // namespace

JoinedRows::JoinedRows(std::vector<at::Tensor> parts) : parts_(std::move(parts)) {}

at::Tensor JoinedRows::current() {
  const at::NoGradGuard no_gradients;
  std::vector<std::int64_t> sizes = parts_.front().sizes().vec();
  sizes.front() = 0;
  std::vector<std::uint32_t> versions;
  for (const at::Tensor& part : parts_) {
    sizes.front() += part.size(0);
    versions.push_back(static_cast<std::uint32_t>(part._version()));
  }
  if (are_neighbours(parts_)) {
    return parts_.front().detach().as_strided(sizes, parts_.front().strides());
  }
  if (versions != versions_) {
    if (!copy_.defined()) {
      copy_ = at::empty(sizes, parts_.front().options().requires_grad(false));
    }
    std::int64_t row = 0;
    for (const at::Tensor& part : parts_) {
      copy_.narrow(0, row, part.size(0)).copy_(part.detach());
      row += part.size(0);
    }
    versions_ = versions;
  }
  return copy_;
}

JoinedLinear::JoinedLinear(const std::vector<LinearWeights>& parts)
    : weights_(compute_weights(parts)), biases_(biases(parts)) {}

LinearWeights JoinedLinear::current() {
  const at::Tensor weight = weights_.current();
  const at::Tensor bias = biases_.current();
  return {{{}, weight, products_}, {bias, bias}};
}

}  // namespace lambert
