// SPDX-License-Identifier: Apache-2.0
#include "comm/machines.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace lambert {
namespace {

using ::testing::ElementsAre;

TEST(Machines, AreNumberedInTheOrderOfTheirFirstRanks) {
  const Machines machines = number_machines({7, 3, 7, 3, 9, 9});
  EXPECT_THAT(machines.machine_of, ElementsAre(0, 1, 0, 1, 2, 2));
  EXPECT_EQ(machines.count(), 3);
  EXPECT_THAT(machines.ranks_of(1), ElementsAre(1, 3));
  EXPECT_TRUE(machines.are_alike());
  EXPECT_FALSE(number_machines({0, 0, 1}).are_alike());
}

TEST(Machines, AreHierarchicalWhereThatMakesADifferenceAndTheyAreAlike) {
  EXPECT_TRUE(choose_hierarchical(AutoFlag::automatic, number_machines({0, 0, 1, 1})));
  EXPECT_TRUE(choose_hierarchical(AutoFlag::on, number_machines({0, 0, 1, 1})));
  EXPECT_FALSE(choose_hierarchical(AutoFlag::off, number_machines({0, 0, 1, 1})));
  EXPECT_FALSE(choose_hierarchical(AutoFlag::automatic, number_machines({0, 0, 1})));
  EXPECT_FALSE(choose_hierarchical(AutoFlag::on, number_machines({0, 0})));
  EXPECT_FALSE(choose_hierarchical(AutoFlag::on, number_machines({0, 1})));
}

TEST(Machines, OfDifferentSizesCannotBeForcedToBeHierarchical) {
  try {
    choose_hierarchical(AutoFlag::on, number_machines({0, 0, 1}));
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("the machines have 2, 1 ranks"));
  }
}

/// Sets the variable for one test.
class Pretended {
 public:
  explicit Pretended(const char* text) { setenv("LAMBERT_MACHINES", text, 1); }
  ~Pretended() { unsetenv("LAMBERT_MACHINES"); }
  Pretended(const Pretended&) = delete;
  Pretended& operator=(const Pretended&) = delete;
};

TEST(Machines, CanBePretended) {
  const Machines found = number_machines({0, 0, 0, 0});
  EXPECT_EQ(pretended_machines(found).count(), 1);
  const Pretended pretended("5,0,5,0");
  EXPECT_THAT(pretended_machines(found).machine_of, ElementsAre(0, 1, 0, 1));
}

TEST(Machines, CannotBePretendedWithNonsense) {
  const Machines found = number_machines({0, 0});
  for (const char* text : {"", "0", "0,1,1", "0,x", "0,,1", "-1,0", "0,99999999"}) {
    const Pretended pretended(text);
    EXPECT_THROW(pretended_machines(found), ConfigError) << text;
  }
}

}  // namespace
}  // namespace lambert
