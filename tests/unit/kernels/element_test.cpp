// SPDX-License-Identifier: Apache-2.0
#include "kernels/element.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

#include <gtest/gtest.h>

namespace lambert {
namespace {

TEST(Bfloat16, RoundsToNearestAndTiesToEven) {
  EXPECT_EQ(from_float<Bfloat16>(1.0F).bits, 0x3F80);
  EXPECT_EQ(from_float<Bfloat16>(1.0F + 0x1p-8F).bits, 0x3F80);             // tie, even below
  EXPECT_EQ(from_float<Bfloat16>(1.0F + 3 * 0x1p-8F).bits, 0x3F82);         // tie, even above
  EXPECT_EQ(from_float<Bfloat16>(1.0F + 0x1p-8F + 0x1p-12F).bits, 0x3F81);  // above the tie
}

TEST(Bfloat16, KeepsInfinityAndNaN) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(to_float(from_float<Bfloat16>(-infinity)), -infinity);
  EXPECT_TRUE(std::isnan(to_float(from_float<Bfloat16>(std::nanf("1")))));
}

/// The value that the definition of binary16 gives to these bits; the sign and NaN are left out.
double defined_value(std::uint32_t magnitude) {
  const std::uint32_t exponent = magnitude >> 10;
  const double fraction = magnitude & 0x3FFU;
  if (exponent == 31) {
    return std::numeric_limits<double>::infinity();
  }
  return exponent == 0 ? std::ldexp(fraction, -24)
                       : std::ldexp(1024.0 + fraction, static_cast<int>(exponent) - 25);
}

TEST(Float16, HasTheDefinedValueForEachOfIts65536BitPatternsAndComesBack) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const Float16 half{static_cast<std::uint16_t>(bits)};
    const float value = to_float(half);
    const std::uint32_t magnitude = bits & 0x7FFFU;
    ASSERT_EQ(std::signbit(value), bits >= 0x8000U) << bits;
    if (magnitude > 0x7C00U) {
      ASSERT_TRUE(std::isnan(value)) << bits;
      ASSERT_TRUE(std::isnan(to_float(from_float<Float16>(value)))) << bits;
      continue;
    }
    ASSERT_EQ(std::abs(static_cast<double>(value)), defined_value(magnitude)) << bits;
    ASSERT_EQ(from_float<Float16>(value).bits, bits);
  }
}

/// Rounding by a search among the neighbours, in double: the one that is nearer, the even one in
/// the middle. Past the largest, 65536 is the neighbour.
std::uint32_t nearest_magnitude(double value) {
  std::uint32_t below = 0;
  std::uint32_t above = 0x7C00U;
  while (above - below > 1) {
    const std::uint32_t middle = (above + below) / 2;
    (defined_value(middle) <= value ? below : above) = middle;
  }
  const double upper = above == 0x7C00U ? 65536.0 : defined_value(above);
  const double to_lower = value - defined_value(below);
  const double to_upper = upper - value;
  if (to_lower == to_upper) {
    return below % 2 == 0 ? below : above;
  }
  return to_lower < to_upper ? below : above;
}

void expect_rounded(float value) {
  const std::uint32_t sign = std::signbit(value) ? 0x8000U : 0U;
  const std::uint32_t expected = sign | nearest_magnitude(std::abs(static_cast<double>(value)));
  ASSERT_EQ(from_float<Float16>(value).bits, expected) << std::hexfloat << value;
}

TEST(Float16, RoundsToTheNearestAndTiesToEvenBetweenAllNeighbours) {
  for (std::uint32_t bits = 0; bits < 0x7C00U; ++bits) {
    const double lower = defined_value(bits);
    const double upper = bits + 1 == 0x7C00U ? 65536.0 : defined_value(bits + 1);
    const auto middle = static_cast<float>((lower + upper) / 2.0);  // exact: 12 bits
    for (const float sign : {1.0F, -1.0F}) {
      expect_rounded(sign * middle);
      expect_rounded(sign * std::nextafter(middle, 0.0F));
      expect_rounded(sign * std::nextafter(middle, 1e6F));
    }
  }
}

TEST(Float16, RoundsFloatsOfEverySizeToTheNearest) {
  std::mt19937 random(1);
  for (int i = 0; i < 2'000'000; ++i) {
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!std::isnan(value)) {
      expect_rounded(value);
    }
  }
}

TEST(Float16, OverflowsToInfinityFromHalfAStepAboveTheLargestOn) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(from_float<Float16>(std::nextafter(65520.0F, 0.0F)).bits, 0x7BFF);
  EXPECT_EQ(to_float(from_float<Float16>(65520.0F)), infinity);
  EXPECT_EQ(to_float(from_float<Float16>(-1e30F)), -infinity);
  EXPECT_EQ(to_float(from_float<Float16>(infinity)), infinity);
  for (const std::uint32_t bits : {0x7F800001U, 0x7FC00000U, 0xFF800001U, 0xFFFFFFFFU}) {
    EXPECT_TRUE(std::isnan(to_float(from_float<Float16>(std::bit_cast<float>(bits))))) << bits;
  }
}

static_assert(to_float(from_float<Float16>(-0x1p-24F)) == -0x1p-24F, "a constant expression");

}  // namespace
}  // namespace lambert
