// SPDX-License-Identifier: Apache-2.0
// (100 steps of both forms are compared with double precision in tests/parity.)
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "optim/optimizer.h"
#include "support/reduced_gradients.h"

namespace lambert {
namespace {

NamedParameter parameter(const std::string& name, const at::Tensor& value) {
  const at::Tensor master = value.clone().set_requires_grad(true);
  return {name, master, master};
}

OptimizerConfig lars(LarsTrustRatio form) {
  OptimizerConfig config;
  config.name = OptimizerName::lars;
  config.lars_trust_ratio = form;
  config.weight_decay_exclude = {};
  return config;
}

TEST(Lars, StepOfTheLambPaperHasTheLengthOfTheWeightTimesTheRate) {
  OneRankGradients gradients({parameter("weight", at::full({4}, 2.0F))});
  OptimizerConfig config = lars(LarsTrustRatio::momentum);
  config.weight_decay = 0.0;
  const auto optimizer = make_optimizer(config, gradients.parameters());
  optimizer->step(gradients.set({at::full({4}, 123.0F)}), 1.0, 1e-2);
  EXPECT_NEAR(gradients.parameters()[0].master[0].item<double>(), 2.0 - 1e-2 * 2.0, 1e-6);
}

TEST(Lars, FirstStepOf2017FollowsItsFormula) {
  OneRankGradients gradients({parameter("weight", at::full({4}, 2.0F))});
  OptimizerConfig config = lars(LarsTrustRatio::gradient);
  config.lars_coefficient = 0.001;
  const auto optimizer = make_optimizer(config, gradients.parameters());
  optimizer->step(gradients.set({at::full({4}, 3.0F)}), 1.0, 10.0);
  // |w| = 4, |g| = 6, decay 0.01: x = 3.02, ratio = 4 / (6 + 0.04).
  EXPECT_NEAR(gradients.parameters()[0].master[0].item<double>(),
              2.0 - 10.0 * 0.001 * 4.0 / 6.04 * 3.02, 1e-6);
  EXPECT_NEAR(optimizer->last_updates()[0].trust_ratio, 4.0 / 6.04, 1e-6);
}

TEST(Lars, KeepsOneMomentAndResetsIt) {
  OneRankGradients gradients({parameter("weight", at::ones({4}))});
  const auto optimizer = make_optimizer(lars(LarsTrustRatio::momentum), gradients.parameters());
  optimizer->step(gradients.set({at::ones({4})}), 1.0, 1e-2);
  EXPECT_FALSE(optimizer->moments()[0].second.defined());
  EXPECT_GT(optimizer->moments()[0].first.abs().sum().item<float>(), 0.0F);
  optimizer->reset_moments();
  EXPECT_EQ(optimizer->moments()[0].first.abs().sum().item<float>(), 0.0F);
  EXPECT_EQ(optimizer->step_count(), 0);
}

TEST(Lars, RefreshesTheNarrowCopy) {
  for (const LarsTrustRatio form : {LarsTrustRatio::momentum, LarsTrustRatio::gradient}) {
    for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
      std::vector<NamedParameter> parameters = {parameter("weight", at::randn({5000}))};
      parameters[0].compute = parameters[0].master.detach().to(type);
      OneRankGradients gradients(parameters);
      const auto optimizer = make_optimizer(lars(form), gradients.parameters());
      optimizer->step(gradients.set({at::randn({5000})}), 1.0, 1e-2);
      EXPECT_TRUE(at::equal(parameters[0].compute, parameters[0].master.detach().to(type)));
    }
  }
}

TEST(Lars, HasTheSameBitsForAnyThreadCount) {
  const at::Tensor start = at::arange(300007, at::kFloat).cos();
  const int threads_before = at::get_num_threads();
  for (const LarsTrustRatio form : {LarsTrustRatio::momentum, LarsTrustRatio::gradient}) {
    std::vector<at::Tensor> results;
    for (const int threads : {1, 2, 5}) {
      at::set_num_threads(threads);
      OneRankGradients gradients({parameter("weight", start)});
      const auto optimizer = make_optimizer(lars(form), gradients.parameters());
      optimizer->step(gradients.set({at::arange(300007, at::kFloat).sin()}), 0.5, 1e-2);
      results.push_back(gradients.parameters()[0].master.detach().clone());
    }
    EXPECT_TRUE(at::equal(results[0], results[1]));
    EXPECT_TRUE(at::equal(results[0], results[2]));
  }
  at::set_num_threads(threads_before);
}

TEST(Lars, SaysWhichTensorsWereClamped) {
  OneRankGradients gradients(
      {parameter("a.weight", at::ones({4})), parameter("b.bias", at::ones({4}))});
  OptimizerConfig config = lars(LarsTrustRatio::momentum);
  config.weight_decay_exclude = {"bias"};
  config.trust_ratio_max = 0.5;
  const auto optimizer = make_optimizer(config, gradients.parameters());
  optimizer->step(gradients.set({at::ones({4}), at::ones({4})}), 1.0, 1e-2);
  EXPECT_TRUE(optimizer->last_updates()[0].is_clamped);
  EXPECT_EQ(optimizer->last_updates()[0].trust_ratio, 0.5);
  EXPECT_FALSE(optimizer->last_updates()[1].is_clamped);
  EXPECT_FALSE(optimizer->last_updates()[1].is_adapted);
}

}  // namespace
}  // namespace lambert
