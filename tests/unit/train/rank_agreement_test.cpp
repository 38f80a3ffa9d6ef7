// SPDX-License-Identifier: Apache-2.0
#include "train/rank_agreement.h"

#include <gtest/gtest.h>

namespace lambert {
namespace {

TEST(RankAgreement, TextOfRankZeroComesBackUnchanged) {
  const auto alone = make_single_communicator();
  EXPECT_EQ(text_of_rank_zero(*alone, "runs/a"), "runs/a");
  EXPECT_EQ(text_of_rank_zero(*alone, ""), "");
}

}  // namespace
}  // namespace lambert
