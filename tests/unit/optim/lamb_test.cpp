// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "optim/optimizer.h"
#include "support/reduced_gradients.h"

namespace lambert {
namespace {

NamedParameter parameter(const std::string& name, const at::Tensor& value) {
  const at::Tensor master = value.clone().set_requires_grad(true);
  return {name, master, master};
}

std::vector<NamedParameter> small_layer() {
  return {parameter("dense.weight", at::full({2, 3}, 0.5F)),
          parameter("dense.bias", at::full({3}, 0.25F)),
          parameter("LayerNorm.weight", at::ones({3}))};
}

TEST(Lamb, FirstStepFollowsThePaper) {
  OneRankGradients gradients(small_layer());
  OptimizerConfig config;
  const std::unique_ptr<Optimizer> optimizer = make_optimizer(config, gradients.parameters());
  optimizer->step(gradients.set({at::full({2, 3}, 0.1F), at::full({3}, -0.2F), at::zeros({3})}),
                  1.0, 1e-2);
  // m^ = g, v^ = g * g: u = sign(g) + decay * w; six equal elements: trust = w / u.
  const double update = 0.1 / (0.1 + 1e-6) + 0.01 * 0.5;
  EXPECT_NEAR(gradients.parameters()[0].master[0][0].item<double>(), 0.5 - 1e-2 * 0.5, 1e-7);
  EXPECT_NEAR(optimizer->last_updates()[0].trust_ratio, 0.5 / update, 1e-6);
  EXPECT_NEAR(optimizer->last_updates()[0].weight_norm, 0.5 * std::sqrt(6.0), 1e-6);
  EXPECT_NEAR(optimizer->last_updates()[0].update_norm, update * std::sqrt(6.0), 1e-6);
  EXPECT_NEAR(gradients.parameters()[1].master[0].item<double>(), 0.25 + 1e-2, 1e-7);
  EXPECT_EQ(gradients.parameters()[2].master[0].item<double>(), 1.0);
  EXPECT_EQ(optimizer->step_count(), 1);
}

TEST(Lamb, StepIsInvariantToTheScaleOfTheGradient) {
  OptimizerConfig config;
  config.adam_epsilon = 1e-30;
  std::vector<at::Tensor> results;
  for (const float scale : {1.0F, 1024.0F}) {
    OneRankGradients gradients(small_layer());
    const auto optimizer = make_optimizer(config, gradients.parameters());
    const at::Tensor gradient = at::linspace(0.1, 0.6, 6).reshape({2, 3}) * scale;
    optimizer->step(gradients.set({gradient, at::zeros({3}), at::zeros({3})}), 1.0, 1e-2);
    results.push_back(gradients.parameters()[0].master.detach().clone());
  }
  EXPECT_TRUE(at::equal(results[0], results[1]));
}

TEST(Lamb, ListsDecayedAndAdaptedTensors) {
  OptimizerConfig config;
  const auto parameters = small_layer();
  const auto plain = make_optimizer(config, parameters);
  EXPECT_TRUE(plain->treatments()[0].decayed);
  EXPECT_TRUE(plain->treatments()[0].adapted);
  EXPECT_FALSE(plain->treatments()[1].decayed);
  EXPECT_FALSE(plain->treatments()[2].adapted);
  config.adapt_excluded = true;
  const auto all_adapted = make_optimizer(config, parameters);
  EXPECT_TRUE(all_adapted->treatments()[1].adapted);
  EXPECT_FALSE(all_adapted->treatments()[1].decayed);
  config.name = OptimizerName::adamw;
  EXPECT_FALSE(make_optimizer(config, parameters)->treatments()[0].adapted);
}

TEST(Lamb, RefusesAnExclusionThatMatchesNothing) {
  OptimizerConfig config;
  config.weight_decay_exclude = {"bias", "LayerNrom"};
  EXPECT_THROW(make_optimizer(config, small_layer()), ConfigError);
}

TEST(Lamb, LeavesWeightsAndMomentsFiniteWhenTheGradientIsHuge) {
  OneRankGradients gradients(small_layer());
  OptimizerConfig config;
  const auto optimizer = make_optimizer(config, gradients.parameters());
  for (int step = 0; step < 3; ++step) {
    optimizer->step(gradients.set({at::full({2, 3}, 3e38F), at::zeros({3}), at::zeros({3})}), 1.0,
                    1e-2);
  }
  EXPECT_TRUE(std::isfinite(gradients.parameters()[0].master.sum().item<float>()));
  EXPECT_TRUE(std::isfinite(optimizer->moments()[0].second.max().item<float>()));
}

TEST(Lamb, ResetStartsTheMomentsAndTheirCounterAnew) {
  OneRankGradients gradients(small_layer());
  const auto optimizer = make_optimizer({}, gradients.parameters());
  optimizer->step(gradients.set({at::ones({2, 3}), at::ones({3}), at::ones({3})}), 1.0, 1e-2);
  optimizer->reset_moments();
  EXPECT_EQ(optimizer->step_count(), 0);
  for (const OptimizerMoments& moments : optimizer->moments()) {
    EXPECT_EQ(moments.first.abs().sum().item<float>(), 0.0F);
    EXPECT_EQ(moments.second.abs().sum().item<float>(), 0.0F);
  }
}

void expect_rounded_copy(at::ScalarType type) {
  std::vector<NamedParameter> parameters = {parameter("weight", at::randn({5000}))};
  parameters[0].compute = parameters[0].master.detach().to(type);
  OneRankGradients gradients(parameters);
  OptimizerConfig config;
  config.weight_decay_exclude = {};
  const auto optimizer = make_optimizer(config, gradients.parameters());
  optimizer->step(gradients.set({at::randn({5000})}), 1.0, 1e-2);
  EXPECT_TRUE(at::equal(parameters[0].compute, parameters[0].master.detach().to(type)));
}

TEST(Lamb, RefreshesTheNarrowCopyByRoundingToNearestEven) {
  expect_rounded_copy(at::kBFloat16);
  expect_rounded_copy(at::kHalf);
}

TEST(Lamb, HasTheSameBitsForAnyThreadCount) {
  const at::Tensor start = at::arange(300007, at::kFloat).cos();
  const at::Tensor gradient = at::arange(300007, at::kFloat).sin();
  const int threads_before = at::get_num_threads();
  std::vector<at::Tensor> results;
  for (const int threads : {1, 2, 5}) {
    at::set_num_threads(threads);
    OneRankGradients gradients({parameter("weight", start)});
    OptimizerConfig config;
    config.weight_decay_exclude = {};
    const auto optimizer = make_optimizer(config, gradients.parameters());
    for (int step = 0; step < 3; ++step) {
      optimizer->step(gradients.set({gradient}), 0.5, 1e-2);
    }
    results.push_back(gradients.parameters()[0].master.detach().clone());
  }
  at::set_num_threads(threads_before);
  EXPECT_TRUE(at::equal(results[0], results[1]));
  EXPECT_TRUE(at::equal(results[0], results[2]));
}

}  // namespace
}  // namespace lambert
