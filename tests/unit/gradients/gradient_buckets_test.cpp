// SPDX-License-Identifier: Apache-2.0
#include "gradients/gradient_buckets.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace lambert {
namespace {

NamedParameter parameter(const std::string& name, std::vector<std::int64_t> shape) {
  const at::Tensor master = at::ones(shape, at::kFloat).set_requires_grad(true);
  return {name, master, master};
}

std::vector<NamedParameter> three_parameters() {
  return {parameter("first", {4, 2}), parameter("second", {8}), parameter("third", {3})};
}

TEST(GradientBuckets, FollowTheReverseOfRegistrationOrder) {
  const GradientBuckets buckets(three_parameters(),
                                44);  // third and second fill one, first starts another
  ASSERT_EQ(buckets.buckets().size(), 2U);
  EXPECT_EQ(buckets.buckets()[0].parameters, (std::vector<std::size_t>{2, 1}));
  EXPECT_EQ(buckets.buckets()[1].parameters, (std::vector<std::size_t>{0}));
  EXPECT_EQ(buckets.bucket_of(0), 1U);
  EXPECT_EQ(buckets.bucket_of(2), 0U);
}

TEST(GradientBuckets, PutTensorsOfOddSizesBehindTheOthers) {
  const GradientBuckets buckets(
      {parameter("matrix", {4, 8}), parameter("decoder bias", {7}), parameter("two", {2})}, 1000);
  ASSERT_EQ(buckets.buckets().size(), 1U);
  EXPECT_EQ(buckets.buckets()[0].parameters, (std::vector<std::size_t>{0, 2, 1}));
}

TEST(GradientBuckets, GiveAParameterLargerThanABucketItsOwn) {
  const GradientBuckets buckets(three_parameters(), 1);
  ASSERT_EQ(buckets.buckets().size(), 3U);
  EXPECT_EQ(buckets.buckets()[1].flat.numel(), 8);
}

TEST(GradientBuckets, BackwardAccumulatesIntoTheFlatMemory) {
  GradientBuckets buckets(three_parameters(), 1 << 20);
  const std::vector<NamedParameter>& parameters = buckets.parameters();
  for (int pass = 0; pass < 2; ++pass) {
    (parameters[0].master.sum() * 2 + parameters[2].master.sum() * 3).backward();
  }
  buckets.check_views();
  const at::Tensor& flat = buckets.buckets()[0].flat;  // third (3), second (8), first (8)
  EXPECT_TRUE(at::equal(flat.narrow(0, 0, 3), at::full({3}, 6.0F)));
  EXPECT_TRUE(at::equal(flat.narrow(0, 3, 8), at::zeros({8})));
  EXPECT_TRUE(at::equal(flat.narrow(0, 11, 8), at::full({8}, 4.0F)));
  buckets.zero();
  EXPECT_EQ(parameters[0].master.grad().abs().sum().item<float>(), 0.0F);
}

TEST(GradientBuckets, NoticeAGradientThatLeftItsBucket) {
  GradientBuckets buckets(three_parameters(), 1 << 20);
  buckets.parameters()[1].master.mutable_grad() = at::zeros({8});
  EXPECT_THROW(buckets.check_views(), InternalError);
  buckets.parameters()[1].master.mutable_grad() = at::Tensor();
  EXPECT_THROW(buckets.check_views(), InternalError);
}

}  // namespace
}  // namespace lambert
