// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "ops/weight.h"

namespace lambert {

/// Tensors with equal rows, one below the other.
class JoinedRows {
 public:
  explicit JoinedRows(std::vector<at::Tensor> parts);

  /// All parts' rows as one tensor: the parts' own memory when they lie one behind the other there
  /// (make_parameters() places them so), else a copy that is made again after a part has changed.
  /// Without a place in autograd's graph.
  at::Tensor current();

 private:
  std::vector<at::Tensor> parts_;
  at::Tensor copy_;
  std::vector<std::uint32_t> versions_;  // of the parts that were copied
};

/// Linear maps of one input, whose products run as one: (T, in) to (T, sum of out).
class JoinedLinear {
 public:
  explicit JoinedLinear(const std::vector<LinearWeights>& parts);

  /// Weight (sum of out, in) and bias, to compute with. Gradients belong to the parts.
  LinearWeights current();
  WeightProducts& products() { return *products_; }

 private:
  JoinedRows weights_;
  JoinedRows biases_;
  std::shared_ptr<WeightProducts> products_ = std::make_shared<WeightProducts>();
};

}  // namespace lambert
