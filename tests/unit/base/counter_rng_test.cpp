// SPDX-License-Identifier: Apache-2.0
#include "base/counter_rng.h"

#include <cmath>

#include <gtest/gtest.h>

namespace lambert {
namespace {

// Known answers of Random123 1.09, kat_vectors, philox4x32 with 10 rounds.
TEST(CounterRng, EqualsPublishedVectors) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(CounterRng, BelowIsEvenOverAnOddBound) {
  CounterStream stream(philox_key(1, RandomPurpose::masking), 2, 3);
  std::array<int, 7> counts{};
  constexpr int kDraws = 70000;
  for (int i = 0; i < kDraws; ++i) {
    ++counts.at(stream.below(7));
  }
  for (const int count : counts) {
    EXPECT_NEAR(count, kDraws / 7, 5 * std::sqrt(kDraws / 7.0));
  }
}

TEST(CounterRng, StreamsDifferByEveryPartOfTheirName) {
  const auto first = [](std::uint64_t seed, RandomPurpose purpose, std::uint64_t a,
                        std::uint32_t b) {
    return CounterStream(philox_key(seed, purpose), a, b).next();
  };
  const std::uint32_t reference = first(1, RandomPurpose::masking, 1, 1);
  EXPECT_EQ(reference, first(1, RandomPurpose::masking, 1, 1));
  EXPECT_NE(reference, first(2, RandomPurpose::masking, 1, 1));
  EXPECT_NE(reference, first(1, RandomPurpose::dropout, 1, 1));
  EXPECT_NE(reference, first(1, RandomPurpose::masking, 2, 1));
  EXPECT_NE(reference, first(1, RandomPurpose::masking, 1, 2));
}

}  // namespace
}  // namespace lambert
