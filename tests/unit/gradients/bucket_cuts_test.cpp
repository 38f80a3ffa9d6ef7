// SPDX-License-Identifier: Apache-2.0
#include "gradients/bucket_cuts.h"

#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace lambert {
namespace {

using Sizes = std::vector<std::size_t>;

bool begins_a_block(const Sizes& sizes, std::size_t offset) {
  std::size_t begin = 0;
  for (const std::size_t size : sizes) {
    if (offset >= begin && offset < begin + size) {
      return (offset - begin) % kNormBlock == 0;
    }
    begin += size;
  }
  return false;
}

TEST(BucketCuts, FallOnBlocksOfATensorAndLeaveTheLastRankSomething) {
  for (const Sizes& sizes :
       {Sizes{1}, Sizes{5, 7}, Sizes{kNormBlock}, Sizes{kNormBlock + 1}, Sizes{100'003, 3, 40'000},
        Sizes{3, 100'003}, Sizes{768, 768, 2'359'296, 3072, 2'359'296}}) {
    const std::size_t count = std::accumulate(sizes.begin(), sizes.end(), 0UL);
    for (int ranks = 1; ranks <= 9; ++ranks) {
      const ShareCuts cuts = cut_bucket(sizes, ranks);
      ASSERT_EQ(cuts.size(), static_cast<std::size_t>(ranks) + 1);
      EXPECT_EQ(cuts.front(), 0U);
      EXPECT_EQ(cuts.back(), count);
      for (std::size_t rank = 0; rank < static_cast<std::size_t>(ranks); ++rank) {
        EXPECT_LE(cuts[rank], cuts[rank + 1]);
        EXPECT_TRUE(begins_a_block(sizes, cuts[rank])) << cuts[rank];
      }
      EXPECT_LT(cuts[static_cast<std::size_t>(ranks) - 1], count);
    }
  }
}

TEST(BucketCuts, AreEvenToWithinABlock) {
  const Sizes sizes = {768, 2'359'296, 3072, 2'359'296};
  const std::size_t count = std::accumulate(sizes.begin(), sizes.end(), 0UL);
  const ShareCuts cuts = cut_bucket(sizes, 4);
  for (std::size_t rank = 0; rank < 4; ++rank) {
    EXPECT_NEAR(static_cast<double>(cuts[rank + 1] - cuts[rank]), static_cast<double>(count) / 4,
                static_cast<double>(kNormBlock));
  }
}

}  // namespace
}  // namespace lambert
