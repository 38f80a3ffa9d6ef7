// SPDX-License-Identifier: Apache-2.0
#include "train/replica_check.h"

#include <limits>

#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace lambert {
namespace {

/// Rank 0 of three; answers an all_gather with its own bytes, and one flipped bit for rank 2.
class OneDiffers final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 3; }
  int local_size() const override { return 3; }
  std::string host_of(int rank) const override { return "host" + std::to_string(rank); }
  void barrier() override {}
  void broadcast(std::span<std::byte> /*bytes*/, int /*root*/) override {}
  void all_reduce_sum(std::span<double> /*values*/) override {}
  void all_reduce_max(std::span<double> /*values*/) override {}
  std::unique_ptr<PendingCollective> start(RingWork /*work*/) override { return nullptr; }
  std::vector<std::vector<std::byte>> all_gather(std::span<const std::byte> bytes) override {
    std::vector<std::vector<std::byte>> all(3, {bytes.begin(), bytes.end()});
    all[2].back() ^= std::byte{1};
    return all;
  }
};

std::vector<NamedParameter> one_parameter(const at::Tensor& weights) {
  return {{"weights", weights, weights}};
}

TEST(ReplicaCheck, AcceptsEqualFiniteWeights) {
  const auto alone = make_single_communicator();
  EXPECT_NO_THROW(check_replicas(*alone, one_parameter(at::ones({2, 3}))));
}

TEST(ReplicaCheck, NamesTheRanksThatDiffer) {
  OneDiffers ranks;
  try {
    check_replicas(ranks, one_parameter(at::ones({2, 3})));
    FAIL() << "accepted";
  } catch (const DivergenceError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("ranks 0 (host0) 1 (host1)"));
    EXPECT_THAT(error.what(), testing::HasSubstr("ranks 2 (host2)"));
  }
}

TEST(ReplicaCheck, NamesTheTensorThatIsNotFinite) {
  const auto alone = make_single_communicator();
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const at::Tensor weights = at::ones({2, 3});
    weights[1][2].fill_(bad);
    EXPECT_THROW(check_replicas(*alone, one_parameter(weights)), DivergenceError);
  }
}

}  // namespace
}  // namespace lambert
