// SPDX-License-Identifier: Apache-2.0
#include "comm/wire_format.h"

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace lambert {
namespace {

float round_trip(float value) {
  round_to_bfloat16(&value, 1);
  return value;
}

TEST(WireFormat, KeepsValuesThatFitBfloat16) {
  for (const float value : {0.0F, -0.0F, 1.0F, -2.5F, 0.0078125F, 1e30F * 0.0F, 256.0F}) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(round_trip(value)), std::bit_cast<std::uint32_t>(value));
  }
}

TEST(WireFormat, RoundsToNearestAndTiesToEven) {
  const float unit = std::ldexp(1.0F, -7);  // last place of bf16 at 1
  EXPECT_EQ(round_trip(1.0F + 0.4F * unit), 1.0F);
  EXPECT_EQ(round_trip(1.0F + 0.6F * unit), 1.0F + unit);
  EXPECT_EQ(round_trip(1.0F + 0.5F * unit), 1.0F);
  EXPECT_EQ(round_trip(1.0F + 1.5F * unit), 1.0F + 2.0F * unit);
}

TEST(WireFormat, KeepsInfinityAndNaN) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(round_trip(infinity), infinity);
  EXPECT_EQ(round_trip(-infinity), -infinity);
  EXPECT_TRUE(std::isnan(round_trip(std::numeric_limits<float>::quiet_NaN())));
  // A NaN whose payload sits in the dropped bits must not become infinity.
  EXPECT_TRUE(std::isnan(round_trip(std::bit_cast<float>(0x7f800001U))));
  EXPECT_EQ(round_trip(std::numeric_limits<float>::max()), infinity);
}

TEST(WireFormat, KeepsExactlyWhatRoundingTook) {
  const std::vector<float> values = {1.0039F, -3.14159F, 1e-30F, 65535.9F, 0.0F};
  std::vector<float> rounded = values;
  std::vector<float> lost(values.size(), 7.0F);
  round_to_bfloat16(rounded.data(), lost.data(), values.size());
  std::vector<std::uint16_t> encoded(values.size());
  std::vector<float> lost_in_encoding(values.size(), 7.0F);
  encode_bfloat16(values.data(), encoded.data(), lost_in_encoding.data(), values.size());
  EXPECT_EQ(lost, lost_in_encoding);
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(static_cast<double>(rounded[i]) + lost[i], static_cast<double>(values[i]));
  }
}

// One bad step must not spoil all that follow.
TEST(WireFormat, KeepsNothingOfValuesThatAreNotFinite) {
  std::vector<float> values = {std::numeric_limits<float>::infinity(),
                               std::numeric_limits<float>::quiet_NaN(),
                               std::numeric_limits<float>::max()};  // rounds to infinity
  std::vector<float> lost(values.size(), 7.0F);
  round_to_bfloat16(values.data(), lost.data(), values.size());
  EXPECT_EQ(lost, std::vector<float>(values.size(), 0.0F));
}

TEST(WireFormat, EncodesDecodesAndAddsArraysOfAnyLength) {
  for (const std::size_t count : {0U, 1U, 7U, 16U, 33U, 1000U}) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) {
      values[i] = static_cast<float>(i % 128);  // exact in bf16
    }
    std::vector<std::uint16_t> encoded(count);
    std::vector<float> decoded(count);
    encode_bfloat16(values.data(), encoded.data(), count);
    decode_bfloat16(encoded.data(), decoded.data(), count);
    EXPECT_EQ(decoded, values);
    add_bfloat16(encoded.data(), decoded.data(), count);
    add_floats(values.data(), decoded.data(), count);
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(decoded[i], 3.0F * values[i]);
    }
  }
}

}  // namespace
}  // namespace lambert
