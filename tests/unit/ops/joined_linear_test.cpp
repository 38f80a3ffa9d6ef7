// SPDX-License-Identifier: Apache-2.0
#include "ops/joined_linear.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

namespace lambert {
namespace {

LinearWeights linear_of(const at::Tensor& weight, const at::Tensor& bias) {
  return {{weight, weight}, {bias, bias}};
}

TEST(JoinedLinear, IsTheirOwnMemoryWhenTheyAreNeighbours) {
  const at::Tensor weight = at::randn({6, 5});
  const at::Tensor bias = at::randn({6});
  JoinedLinear joined({linear_of(weight.narrow(0, 0, 2), bias.narrow(0, 0, 2)),
                       linear_of(weight.narrow(0, 2, 4), bias.narrow(0, 2, 4))});
  const LinearWeights whole = joined.current();
  EXPECT_EQ(whole.weight.compute.data_ptr(), weight.data_ptr());
  EXPECT_TRUE(at::equal(whole.weight.compute, weight));
  EXPECT_EQ(whole.bias.master.data_ptr(), bias.data_ptr());
  EXPECT_TRUE(at::equal(whole.bias.master, bias));
}

TEST(JoinedLinear, IsACopyThatFollowsThemWhereverTheyLie) {
  const std::vector<at::Tensor> weights = {at::randn({2, 5}), at::randn({4, 5})};
  const std::vector<at::Tensor> biases = {at::randn({2}), at::randn({4})};
  JoinedLinear joined({linear_of(weights[0], biases[0]), linear_of(weights[1], biases[1])});
  const void* const memory = joined.current().weight.compute.data_ptr();
  const std::int64_t version = joined.current().weight.compute._version();
  for (const at::Tensor& changed : {weights[1], biases[0]}) {
    changed.fill_(7.0);
    EXPECT_TRUE(at::equal(joined.current().weight.compute, at::cat(weights)));
    EXPECT_TRUE(at::equal(joined.current().bias.master, at::cat(biases)));
  }
  EXPECT_EQ(joined.current().weight.compute.data_ptr(), memory);
  EXPECT_GT(joined.current().weight.compute._version(), version) << "packed copies stay old";
}

TEST(JoinedLinear, FollowsThemToOtherMemory) {
  const at::Tensor weight = at::randn({6, 5});
  const at::Tensor bias = at::randn({6});
  at::Tensor second = weight.narrow(0, 2, 4);
  JoinedLinear joined({linear_of(weight.narrow(0, 0, 2), bias.narrow(0, 0, 2)),
                       linear_of(second, bias.narrow(0, 2, 4))});
  ASSERT_EQ(joined.current().weight.compute.data_ptr(), weight.data_ptr());
  const at::Tensor before = weight.clone();
  second.set_data(second.clone());  // as ShardedParameters does
  weight.fill_(0.0);
  EXPECT_TRUE(at::equal(joined.current().weight.compute.narrow(0, 2, 4), before.narrow(0, 2, 4)));
}

}  // namespace
}  // namespace lambert
