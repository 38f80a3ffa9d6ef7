// SPDX-License-Identifier: Apache-2.0
#include "comm/hierarchical_all_reduce.h"

#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/communicator_contract.h"
#include "support/run_ranks.h"

namespace lambert::testing {
namespace {

RankOptions on_machines(const std::vector<int>& machines, WireType wire_type) {
  RankOptions options;
  options.machines = machines;
  options.wire_type = wire_type;
  return options;
}

/// By rank: the machine. In order, scattered, one machine, one rank on each, three of each.
class Layouts : public ::testing::TestWithParam<std::vector<int>> {};

TEST_P(Layouts, KeepTheContract) {
  run_ranks(
      static_cast<int>(GetParam().size()),
      [](Communicator& communicator) { check_contract(communicator, kFloatError); },
      on_machines(GetParam(), WireType::float32));
}

TEST(HierarchicalAllReduce, KeepsTheContractWithBfloat16BetweenMachines) {
  run_ranks(
      4, [](Communicator& communicator) { check_contract(communicator, kBfloat16Error); },
      on_machines({0, 1, 1, 0}, WireType::bfloat16));
}

INSTANTIATE_TEST_SUITE_P(Machines, Layouts,
                         ::testing::Values(std::vector<int>{0, 0, 1, 1},
                                           std::vector<int>{0, 1, 1, 0}, std::vector<int>{0, 0, 0},
                                           std::vector<int>{0, 1, 2},
                                           std::vector<int>{0, 1, 0, 1, 1, 0}));

/// Large values that cancel inside a machine would swallow the small ones of the other machine if
/// the ranks were added in the order of one ring.
TEST(HierarchicalAllReduce, SumsInsideMachinesFirst) {
  run_ranks(
      4,
      [](Communicator& communicator) {
        constexpr float kLarge = 33554432.0F;  // 2^25
        const std::vector<float> value_of = {kLarge, 1.0F, -kLarge, 1.0F};
        std::vector<float> values(1000, value_of.at(static_cast<std::size_t>(communicator.rank())));
        communicator.start_all_reduce_sum(std::span(values), "cancelling")->wait();
        EXPECT_EQ(values, std::vector<float>(1000, 2.0F));
      },
      on_machines({0, 1, 0, 1}, WireType::float32));
}

TEST(HierarchicalAllReduce, FindsADifferentReductionOnAnotherMachine) {
  EXPECT_THROW(run_ranks(
                   4,
                   [](Communicator& communicator) {
                     std::vector<float> values(communicator.rank() < 2 ? 100 : 101);
                     communicator.start_all_reduce_sum(std::span(values), "bucket")->wait();
                   },
                   on_machines({0, 0, 1, 1}, WireType::float32)),
               CommError);
}

}  // namespace
}  // namespace lambert::testing
