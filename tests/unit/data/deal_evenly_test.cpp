// SPDX-License-Identifier: Apache-2.0
#include "data/deal_evenly.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

namespace lambert {
namespace {

using Groups = std::vector<std::vector<std::int64_t>>;

TEST(DealEvenly, GivesTheHeaviestToTheLightestGroupWithRoom) {
  // 9 to the first, 7 and 4 to the second, which is then full; 1 goes to the first.
  EXPECT_EQ(deal_evenly({4, 9, 1, 7}, 2), (Groups{{1, 2}, {0, 3}}));
}

TEST(DealEvenly, KeepsTheOrderOfEqualWeights) {
  EXPECT_EQ(deal_evenly({5, 5, 5, 5, 5, 5}, 3), (Groups{{0, 3}, {1, 4}, {2, 5}}));
}

TEST(DealEvenly, MakesGroupsOfEqualSizeAndNearlyEqualSums) {
  std::vector<std::int64_t> weights;
  for (std::int64_t i = 0; i < 4096; ++i) {
    weights.push_back(1 + i * i * 31 % 512);
  }
  std::vector<std::int64_t> sums;
  std::vector<bool> dealt(weights.size());
  for (const std::vector<std::int64_t>& group : deal_evenly(weights, 128)) {
    EXPECT_EQ(group.size(), 32U);
    EXPECT_TRUE(std::is_sorted(group.begin(), group.end()));
    std::int64_t sum = 0;
    for (const std::int64_t item : group) {
      EXPECT_FALSE(dealt[static_cast<std::size_t>(item)]);
      dealt[static_cast<std::size_t>(item)] = true;
      sum += weights[static_cast<std::size_t>(item)];
    }
    sums.push_back(sum);
  }
  EXPECT_EQ(std::count(dealt.begin(), dealt.end(), true), 4096);
  const auto [least, most] = std::minmax_element(sums.begin(), sums.end());
  EXPECT_LT(static_cast<double>(*most - *least), 0.02 * static_cast<double>(*most));
}

}  // namespace
}  // namespace lambert
