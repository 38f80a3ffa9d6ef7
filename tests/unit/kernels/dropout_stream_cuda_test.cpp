// SPDX-License-Identifier: Apache-2.0
#include "kernels/dropout_stream.h"
#include "support/token_rows_case.h"

namespace lambert::testing {
namespace {

TEST(DropoutStreamCuda, HasTheHostsBits) {
  const LayoutArrays arrays({3, 5}, 0);
  const DeviceLayout device(arrays);
  const CudaStream stream;
  for (const double probability : {0.0, 0.1, 0.5}) {
    for (const std::size_t columns : {1, 15, 16, 17, 127, 128, 129, 500, 2100}) {
      for (const std::uint32_t row : {0U, 77U, 65536U * 15U + 511U}) {
        const auto count = static_cast<std::int64_t>(columns);
        const DeviceArray<float> ours(columns);
        dropout_multipliers(stream, mask_of(probability, device.sample_numbers.data()), 1, row,
                            count, ours.data());
        std::vector<float> theirs(columns);
        dropout_multipliers(mask_of(probability, arrays.sample_numbers.data()), 1, row, count,
                            theirs.data());
        EXPECT_EQ(ours.values(), theirs) << columns << " columns, row " << row;
      }
    }
  }
}

TEST(DropoutStreamCuda, ReadsTheKeyInDeviceMemoryWhenItRuns) {
  const LayoutArrays arrays({3}, 0);
  const DeviceLayout device(arrays);
  constexpr std::int64_t kColumns = 500;
  const DropoutMask later = make_dropout_mask(42, 1, 1235, 5, 0.5, arrays.sample_numbers.data());
  const DeviceArray<PhiloxKey> key(std::vector<PhiloxKey>{later.key});
  DropoutMask mask = mask_of(0.5, device.sample_numbers.data());
  mask.device_key = key.data();
  const DeviceArray<float> ours(kColumns);
  dropout_multipliers(CudaStream{}, mask, 0, 1, kColumns, ours.data());
  std::vector<float> theirs(kColumns);
  dropout_multipliers(later, 0, 1, kColumns, theirs.data());
  EXPECT_TRUE(ours.values() == theirs);
}

/// One number in 65,536 is the threshold itself: here are six on average.
TEST(DropoutStreamCuda, KeepsAtTheThreshold) {
  const LayoutArrays arrays({3}, 0);
  const DeviceLayout device(arrays);
  constexpr std::int64_t kColumns = 400'000;
  const DeviceArray<float> ours(kColumns);
  dropout_multipliers(CudaStream{}, mask_of(0.5, device.sample_numbers.data()), 0, 1, kColumns,
                      ours.data());
  std::vector<float> theirs(kColumns);
  dropout_multipliers(mask_of(0.5, arrays.sample_numbers.data()), 0, 1, kColumns, theirs.data());
  EXPECT_TRUE(ours.values() == theirs);
}

}  // namespace
}  // namespace lambert::testing
