// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include <ATen/core/Tensor.h>

namespace lambert {

/// Where the content of a checkpoint's tensor comes from and goes to when it does not lie in the
/// memory of the rank that writes: from parts on several ranks, or from one other rank.
class TensorParts {
 public:
  virtual ~TensorParts() = default;
  /// All ranks together: the whole tensor, contiguous.
  virtual at::Tensor gather() = 0;
  /// Loads what this rank keeps of the whole tensor.
  virtual void take(const at::Tensor& whole) = 0;

  /// The same as gather(), for a file: all ranks together in the order of the file.
  at::Tensor gather_for_file() {
    is_in_file_ = true;
    return gather();
  }
  /// Whether gather_for_file() was called since the last question.
  bool take_in_file() { return std::exchange(is_in_file_, false); }

 private:
  bool is_in_file_ = false;
};

}  // namespace lambert
