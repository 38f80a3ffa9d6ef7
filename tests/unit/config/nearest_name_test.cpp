// SPDX-License-Identifier: Apache-2.0
#include "config/nearest_name.h"

#include <gtest/gtest.h>

namespace lambert {
namespace {

TEST(NearestName, FindsTheClosestOfSeveral) {
  EXPECT_EQ(suggest_nearest_name("save_step", {"save_steps", "eval_steps"}),
            " (did you mean 'save_steps'?)");
}

TEST(NearestName, CountsASwapAsOneSlip) {
  EXPECT_EQ(suggest_nearest_name("sede", {"seed", "side_effect"}), " (did you mean 'seed'?)");
}

TEST(NearestName, SaysNothingWhenNothingIsClose) {
  EXPECT_EQ(suggest_nearest_name("foo", {"phases", "seed"}), "");
}

TEST(NearestName, SaysNothingForAnEmptyOrEndlessName) {
  EXPECT_EQ(suggest_nearest_name("", {"a", "ab"}), "");
  EXPECT_EQ(suggest_nearest_name(std::string(1000000, 'a'), {"a"}), "");
}

}  // namespace
}  // namespace lambert
