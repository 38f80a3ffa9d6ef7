// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace lambert {

struct TensorDifference {
  bool equal_bits = true;
  double relative = 0.0;  // ||a - b|| / ||b|| over all tensors, in double
  std::string largest;    // name of the tensor with the largest ||a - b||; empty when equal
};

/// Compares two safetensors files tensor by tensor. Throws CheckpointError when they hold other
/// tensors, DataError when one cannot be read.
TensorDifference compare_tensors(const std::filesystem::path& found,
                                 const std::filesystem::path& expected);

}  // namespace lambert
