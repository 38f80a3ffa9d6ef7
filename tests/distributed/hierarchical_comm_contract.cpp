// SPDX-License-Identifier: Apache-2.0
// The contract of communicators, machine by machine: four ranks of which LAMBERT_MACHINES makes two
// machines of two. hierarchical_comm_contract float32|bfloat16
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "comm/mpi_communicator.h"
#include "support/communicator_contract.h"

namespace lambert::testing {
namespace {

/// MPI starts once per process, so the tests share one communicator.
std::unique_ptr<MpiCommunicator>& shared_communicator() {
  static std::unique_ptr<MpiCommunicator> communicator;
  return communicator;
}

double& relative_error() {
  static double error = kFloatError;
  return error;
}

TEST(HierarchicalRanks, KeepTheContract) {
  check_contract(*shared_communicator(), relative_error());
}

TEST(HierarchicalRanks, SumLargeValuesOfUnevenLength) {
  expect_ring_sum(*shared_communicator(), 3000001U, relative_error());
}

/// Large values that cancel inside a machine would swallow the small ones of the other machine if
/// the ranks were added in the order of one ring.
TEST(HierarchicalRanks, SumInsideMachinesFirst) {
  MpiCommunicator& communicator = *shared_communicator();
  const Machines& machines = communicator.machines();
  ASSERT_EQ(machines.count(), 2);
  const int machine = machines.machine_of.at(static_cast<std::size_t>(communicator.rank()));
  const bool is_first = machines.ranks_of(machine).front() == communicator.rank();
  constexpr float kLarge = 33554432.0F;  // 2^25
  const float large = is_first ? kLarge : -kLarge;
  std::vector<float> values(1000, machine == 0 ? large : 1.0F);
  communicator.start_all_reduce_sum(std::span(values), "cancelling")->wait();
  EXPECT_EQ(values, std::vector<float>(1000, 2.0F));
}

}  // namespace
}  // namespace lambert::testing

int main(int argument_count, char** arguments) {
  testing::InitGoogleTest(&argument_count, arguments);
  const std::string wire = argument_count == 2 ? arguments[1] : "";
  if (wire != "float32" && wire != "bfloat16") {
    return 2;
  }
  lambert::CommConfig config;
  config.timeout_seconds = 30.0;
  config.hierarchical = lambert::AutoFlag::on;
  if (wire == "bfloat16") {
    config.all_reduce_dtype = lambert::WireType::bfloat16;
    lambert::testing::relative_error() = lambert::testing::kBfloat16Error;
  }
  auto& communicator = lambert::testing::shared_communicator();
  communicator = std::make_unique<lambert::MpiCommunicator>(config);
  const int result = RUN_ALL_TESTS();
  communicator.reset();
  return result;
}
