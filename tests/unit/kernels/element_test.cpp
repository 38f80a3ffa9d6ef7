// SPDX-License-Identifier: Apache-2.0
#include "kernels/element.h"

#include <cmath>
#include <limits>

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

}  // namespace
}  // namespace lambert
