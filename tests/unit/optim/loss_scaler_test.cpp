// SPDX-License-Identifier: Apache-2.0
#include "optim/loss_scaler.h"

#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "optim/optimizer.h"
#include "support/reduced_gradients.h"

namespace lambert {
namespace {

LossScaleConfig quick_growth() {
  LossScaleConfig config;
  config.growth_interval = 3;
  return config;
}

TEST(LossScaler, GrowsAfterAnIntervalWithoutOverflowAndShrinksAtOne) {
  LossScaler scaler(Precision::fp16, quick_growth());
  EXPECT_EQ(scaler.scale(), 65536.0);
  scaler.count_finite_step();
  scaler.count_finite_step();
  EXPECT_EQ(scaler.scale(), 65536.0);
  scaler.shrink_or_throw("step 3");  // starts the interval anew
  EXPECT_EQ(scaler.scale(), 32768.0);
  for (const double expected : {32768.0, 32768.0, 65536.0, 65536.0, 65536.0, 131072.0}) {
    scaler.count_finite_step();
    EXPECT_EQ(scaler.scale(), expected);
  }
}

TEST(LossScaler, GoesOnWhereACheckpointStopped) {
  LossScaler first(Precision::fp16, quick_growth());
  first.shrink_or_throw("step 1");
  first.count_finite_step();
  first.count_finite_step();
  LossScaler second(Precision::fp16, quick_growth());
  second.restore(first.scale(), first.finite_steps());
  second.count_finite_step();
  EXPECT_EQ(second.scale(), 65536.0) << "the third finite step, the first of this launch";
}

TEST(LossScaler, StaysAtOneInOtherPrecisions) {
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    LossScaler scaler(precision, quick_growth());
    scaler.restore(1024.0, 2);
    for (int step = 0; step < 5; ++step) {
      scaler.count_finite_step();
    }
    EXPECT_EQ(scaler.scale(), 1.0);
    EXPECT_EQ(scaler.finite_steps(), 0);
    EXPECT_THROW(scaler.shrink_or_throw("step 1"), InternalError);
  }
}

std::string divergence_of(LossScaler& scaler) {
  try {
    scaler.shrink_or_throw("step 7 of its phase: the gradient of bert.pooler.dense.weight");
  } catch (const DivergenceError& error) {
    return error.what();
  }
  return "";
}

TEST(LossScaler, AnOverflowAtTheFloorIsADivergenceThatNamesStepAndTensor) {
  LossScaleConfig config;
  config.init_scale = 3.0;
  LossScaler scaler(Precision::fp16, config);
  EXPECT_EQ(divergence_of(scaler), "");
  EXPECT_EQ(scaler.scale(), 1.5);
  EXPECT_EQ(divergence_of(scaler), "");
  EXPECT_EQ(scaler.scale(), 1.0) << "not below min_loss_scale";
  EXPECT_THAT(divergence_of(scaler), testing::AllOf(testing::HasSubstr("step 7"),
                                                    testing::HasSubstr("bert.pooler.dense.weight"),
                                                    testing::HasSubstr("min_loss_scale 1")));
}

TEST(LossScaler, TooManyRepetitionsOfAStepAreADivergence) {
  LossScaleConfig config;
  config.init_scale = 0x1p40;
  config.max_overflow_retries = 4;
  LossScaler scaler(Precision::fp16, config);
  for (int step = 0; step < 3; ++step) {  // a finite step starts the count anew
    for (int retry = 0; retry < 4; ++retry) {
      EXPECT_EQ(divergence_of(scaler), "");
    }
    scaler.count_finite_step();
  }
  for (int retry = 0; retry < 4; ++retry) {
    EXPECT_EQ(divergence_of(scaler), "");
  }
  EXPECT_THAT(divergence_of(scaler), testing::HasSubstr("max_overflow_retries 4"));
}

/// What a step with this loss scale does to a weight and its moments.
struct Outcome {
  double norm;
  at::Tensor weight;
  at::Tensor first;
  at::Tensor second;
};

Outcome step_with_scale(OptimizerName name, double scale, double max_grad_norm) {
  const at::Tensor master = at::linspace(-1.0, 1.0, 40000).set_requires_grad(true);
  OneRankGradients gradients({{"weight", master, master}});
  OptimizerConfig config;
  config.name = name;
  config.weight_decay_exclude = {};
  config.max_grad_norm = max_grad_norm;
  const auto optimizer = make_optimizer(config, gradients.parameters());
  LossScaleConfig of_scale;
  of_scale.init_scale = scale;
  const LossScaler scaler(Precision::fp16, of_scale);
  GradientNorm norm;
  for (int step = 0; step < 3; ++step) {
    const at::Tensor gradient = at::arange(step, step + 40000, at::kFloat).sin() * 1e-3;
    const ReducedGradients reduced = gradients.set({gradient * scaler.scale()});
    norm = scaler.unscaled(measure_gradient_norm(reduced));
    optimizer->step(reduced, scaler.gradient_scale(norm, max_grad_norm), 1e-2);
  }
  const OptimizerMoments& moments = optimizer->moments().front();
  return {norm.value, master.detach(), moments.first,
          moments.second.defined() ? moments.second : at::zeros({1})};
}

// LAMB alone would hide a forgotten division: the moments show it.
TEST(LossScaler, UpdateMomentsAndNormAreThoseOfTheUnscaledGradientBitForBit) {
  for (const OptimizerName name :
       {OptimizerName::lamb, OptimizerName::adamw, OptimizerName::lars}) {
    for (const double max_grad_norm : {0.0, 0.05, 1.0}) {  // the norm is 0.14
      const Outcome plain = step_with_scale(name, 1.0, max_grad_norm);
      EXPECT_NEAR(plain.norm, 1e-3 * std::sqrt(20000.0), 1e-4);
      for (const double scale : {1024.0, 65536.0}) {
        const Outcome scaled = step_with_scale(name, scale, max_grad_norm);
        EXPECT_EQ(scaled.norm, plain.norm) << scale;
        EXPECT_TRUE(at::equal(scaled.weight, plain.weight)) << scale;
        EXPECT_TRUE(at::equal(scaled.first, plain.first)) << scale;
        EXPECT_TRUE(at::equal(scaled.second, plain.second)) << scale;
      }
    }
  }
}

TEST(LossScaler, AnInfiniteGradientIsNamedWhateverTheScale) {
  const at::Tensor master = at::ones({4}).set_requires_grad(true);
  OneRankGradients gradients({{"weight", master, master}});
  const LossScaler scaler(Precision::fp16, {});
  const GradientNorm norm = scaler.unscaled(measure_gradient_norm(
      gradients.set({at::full({4}, std::numeric_limits<float>::infinity())})));
  EXPECT_FALSE(norm.finite);
  EXPECT_EQ(norm.non_finite_tensor, "weight");
}

}  // namespace
}  // namespace lambert
