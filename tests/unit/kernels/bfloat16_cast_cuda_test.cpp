// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <limits>

#include "kernels/bfloat16_cast.h"
#include "support/device_array.h"

namespace lambert::testing {
namespace {

/// offset: elements by which the arrays begin behind an aligned address.
void compare(std::size_t count, std::size_t offset) {
  std::vector<float> values = random_values<float>(count, 3);
  values[0] = std::numeric_limits<float>::infinity();
  values[count - 1] = 3.4e38F;  // rounds to infinity
  const DeviceArray<float> source(values, offset);
  const DeviceArray<std::uint16_t> encoded(count, offset);
  round_to_bfloat16(CudaStream{}, source.data(), static_cast<std::int64_t>(count), encoded.data());
  std::vector<std::uint16_t> expected;
  std::vector<float> widened;
  for (const float value : values) {
    expected.push_back(from_float<Bfloat16>(value).bits);
    widened.push_back(to_float(from_float<Bfloat16>(value)));
  }
  EXPECT_EQ(encoded.values(), expected) << count << ", " << offset;
  const DeviceArray<float> decoded(count, offset);
  widen_bfloat16(CudaStream{}, encoded.data(), static_cast<std::int64_t>(count), decoded.data());
  EXPECT_EQ(decoded.values(), widened) << count << ", " << offset;
}

TEST(Bfloat16CastCuda, RoundsAndWidensEveryElement) {
  for (const std::size_t count : {1, 3, 4, 256, 1023, 1024, 4100}) {
    for (const std::size_t offset : {0, 1}) {
      compare(count, offset);
    }
  }
}

TEST(Bfloat16CastCuda, KeepsNotANumber) {
  const DeviceArray<float> source(std::vector<float>{std::bit_cast<float>(0x7F800001U)});
  const DeviceArray<std::uint16_t> encoded(1);
  round_to_bfloat16(CudaStream{}, source.data(), 1, encoded.data());
  EXPECT_EQ(encoded.values()[0] & 0x7FFFU, 0x7FC0U);
}

}  // namespace
}  // namespace lambert::testing
