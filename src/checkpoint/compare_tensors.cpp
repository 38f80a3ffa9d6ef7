// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/compare_tensors.h"

#include <cmath>
#include <cstring>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include "base/error.h"
#include "checkpoint/safetensors_reader.h"

namespace lambert {

TensorDifference compare_tensors(const std::filesystem::path& found,
                                 const std::filesystem::path& expected) {
  const SafetensorsReader ours(found);
  const SafetensorsReader theirs(expected);
  TensorDifference result;
  double squared_difference = 0.0;
  double squared_size = 0.0;
  double largest = -1.0;
  const std::size_t count = theirs.entries().size();
  for (std::size_t index = 0; index < count || ours.entries().size() != count; ++index) {
    const bool same = ours.entries().size() == count &&
                      ours.entries()[index].name == theirs.entries()[index].name &&
                      ours.entries()[index].shape == theirs.entries()[index].shape &&
                      ours.entries()[index].dtype == theirs.entries()[index].dtype;
    if (!same) {
      throw CheckpointError("comparing " + found.string() + " with " + expected.string() +
                            ": they hold other tensors; compare checkpoints of one configuration");
    }
    const at::Tensor a = ours.read(ours.entries()[index]);
    const at::Tensor b = theirs.read(theirs.entries()[index]);
    const double size = b.to(at::kDouble).norm().item<double>();
    squared_size += size * size;
    if (std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0) {
      continue;
    }
    result.equal_bits = false;
    const double difference = (a.to(at::kDouble) - b.to(at::kDouble)).norm().item<double>();
    squared_difference += difference * difference;
    if (difference > largest) {
      largest = difference;
      result.largest = theirs.entries()[index].name;
    }
  }
  result.relative = squared_difference == 0.0 ? 0.0 : std::sqrt(squared_difference / squared_size);
  return result;
}

}  // namespace lambert
