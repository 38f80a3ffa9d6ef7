// SPDX-License-Identifier: Apache-2.0
#include "kernels/add_bias.h"
#include "support/device_array.h"

namespace lambert::testing {
namespace {

template <typename T>
void compare(std::size_t rows, std::size_t columns, std::size_t row_stride) {
  // The last row ends with its columns.
  const auto values = random_values<T>((rows - 1) * row_stride + columns, 1);
  const auto bias = random_values<float>(columns, 2);
  const DeviceArray<T> ours(values);
  const DeviceArray<float> biases(bias);
  add_bias(CudaStream{}, biases.data(), static_cast<std::int64_t>(rows),
           static_cast<std::int64_t>(columns), static_cast<std::int64_t>(row_stride), ours.data());
  std::vector<float> expected = floats_of(values);
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t c = 0; c < columns; ++c) {
      expected[row * row_stride + c] =
          to_float(from_float<T>(expected[row * row_stride + c] + bias[c]));
    }
  }
  EXPECT_EQ(floats_of(ours.values()), expected) << rows << " x " << columns;
}

TEST(AddBiasCuda, AddsToTheColumnsAndLeavesWhatLiesBetweenTheRows) {
  for (const std::size_t columns : {1, 7, 64, 300}) {
    for (const std::size_t rest : {0, 5}) {
      compare<float>(9, columns, columns + rest);
      compare<Bfloat16>(9, columns, columns + rest);
      compare<Float16>(9, columns, columns + rest);
    }
  }
}

}  // namespace
}  // namespace lambert::testing
