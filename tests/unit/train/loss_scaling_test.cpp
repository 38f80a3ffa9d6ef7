// SPDX-License-Identifier: Apache-2.0
// Whole steps in fp16, on the CPU's kernels: the loss scale, its overflows, and what they must not
// change.
#include <cmath>
#include <functional>
#include <limits>
#include <mutex>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "support/run_ranks.h"
#include "support/tiny_step.h"
#include "train/named_parameters.h"
#include "train/train_step.h"

namespace lambert {
namespace {

using testing::sequences;

RunConfig config_of(Precision precision, double init_scale = 65536.0) {
  RunConfig config = testing::tiny_step_config();
  config.precision = precision;
  if (precision == Precision::fp16) {
    config.loss_scale.init_scale = init_scale;
  }
  return config;
}

/// One rank with a network and LAMB of its own.
struct Rank {
  Rank(const RunConfig& the_config, Communicator& communicator)
      : config(the_config),
        model(config.model, config.precision, 3),
        buckets(named_parameters(model.parameters()), 4096),
        reducer(communicator, buckets, config.communication.reduction),
        optimizer(make_optimizer(config.optimizer, buckets.parameters())),
        step(config, communicator, model, buckets, reducer, *optimizer, progress) {}

  at::Tensor weights() const {  // (all elements) fp32
    std::vector<at::Tensor> flat;
    for (const ModelParameter& parameter : model.parameters()) {
      flat.push_back(parameter.master.detach().flatten());
    }
    return at::cat(flat);
  }

  RunConfig config;
  BertForPreTraining model;
  GradientBuckets buckets;
  GradientReducer reducer;
  std::unique_ptr<Optimizer> optimizer;
  RunProgress progress;
  TrainStep step;
};

/// The loss before each of 40 steps on one batch.
std::vector<double> losses_of(Precision precision) {
  const auto alone = make_single_communicator();
  Rank rank(config_of(precision), *alone);
  std::vector<double> losses;
  for (std::int64_t step = 0; step < 40; ++step) {
    const StepResult result = rank.step.run({step, {sequences(0, 4), sequences(4, 4)}}, 0, 1e-2);
    losses.push_back(result.losses.mlm_mean() + result.losses.nsp_mean());
  }
  return losses;
}

TEST(LossScaling, TrainingInFp16FollowsTrainingInFp32) {
  const std::vector<double> fp32 = losses_of(Precision::fp32);
  const std::vector<double> fp16 = losses_of(Precision::fp16);
  EXPECT_LT(fp16.back(), 0.8 * fp16.front());
  for (std::size_t step = 0; step < fp32.size(); ++step) {
    EXPECT_NEAR(fp16[step], fp32[step], 0.02 * fp32[step]) << "step " << step;
  }
}

TEST(LossScaling, AnOverflowComputesTheBatchAgainAndLeavesNoTrace) {
  const auto alone = make_single_communicator();
  Rank large(config_of(Precision::fp16, 0x1p26), *alone);
  const StepResult result = large.step.run({0, {sequences(0, 8)}}, 0, 1e-2);
  EXPECT_GT(result.overflow_retries, 5);
  EXPECT_EQ(result.loss_scale, std::ldexp(0x1p26, -static_cast<int>(result.overflow_retries)));
  EXPECT_EQ(large.step.loss_scaler().scale(), result.loss_scale);
  EXPECT_FALSE(result.skipped);
  EXPECT_EQ(large.optimizer->step_count(), 1) << "a repetition is not a step";

  Rank fitting(config_of(Precision::fp16, result.loss_scale), *alone);
  const StepResult at_once = fitting.step.run({0, {sequences(0, 8)}}, 0, 1e-2);
  EXPECT_EQ(at_once.overflow_retries, 0);
  EXPECT_EQ(at_once.norm.value, result.norm.value);
  EXPECT_TRUE(at::equal(large.weights(), fitting.weights()));
  EXPECT_TRUE(
      at::equal(large.optimizer->moments()[0].second, fitting.optimizer->moments()[0].second));
  // The next step begins with the scale that was found.
  EXPECT_EQ(large.step.run({1, {sequences(0, 8)}}, 0, 1e-2).overflow_retries, 0);
}

TEST(LossScaling, NormsAreThoseOfTheUnscaledGradient) {
  const auto alone = make_single_communicator();
  const StepBatch batch{0, {sequences(0, 4), sequences(4, 4)}};
  Rank exact(config_of(Precision::fp32), *alone);
  const StepResult expected = exact.step.run(batch, 0, 1e-2, /*measures_noise=*/true);
  for (const double scale : {1024.0, 65536.0}) {
    Rank rank(config_of(Precision::fp16, scale), *alone);
    const StepResult found = rank.step.run(batch, 0, 1e-2, /*measures_noise=*/true);
    EXPECT_EQ(found.loss_scale, scale);
    EXPECT_NEAR(found.norm.value, expected.norm.value, 0.01 * expected.norm.value) << scale;
    EXPECT_NEAR(found.first_micro_batch_squared_norm.value(),
                expected.first_micro_batch_squared_norm.value(),
                0.02 * expected.first_micro_batch_squared_norm.value())
        << scale;
    EXPECT_LT((rank.weights() - exact.weights()).norm().item<double>(),
              0.002 * exact.weights().norm().item<double>());
  }
}

/// Two sequences without a masked token: the gradient of the sentence head alone.
Batch unmasked() {
  Batch batch = sequences(0, 2);
  batch.masked_positions.clear();
  batch.masked_labels.clear();
  return batch;
}

/// One masked token in all: its whole gradient is multiplied by the scale. With what
/// enlarge_masked() does that is too large for fp16.
Batch one_masked() {
  Batch batch = sequences(0, 2);
  batch.masked_positions.resize(1);
  batch.masked_labels.resize(1);
  return batch;
}

/// What the decoder multiplies becomes 64 times as large; without masked tokens nothing changes.
void enlarge_masked(BertForPreTraining& model) {
  for (const ModelParameter& parameter : model.parameters()) {
    if (parameter.name == "cls.predictions.transform.LayerNorm.weight") {
      parameter.master.detach().fill_(64.0F);
    }
  }
}

struct Agreement {
  std::vector<double> scales;
  std::vector<std::int64_t> retries;
  std::vector<at::Tensor> weights;
};

Agreement run_two_ranks(const Batch& of_first, const Batch& of_second) {
  std::mutex mutex;
  Agreement agreement;
  testing::run_ranks(2, [&](Communicator& communicator) {
    Rank rank(config_of(Precision::fp16), communicator);
    enlarge_masked(rank.model);
    const StepResult result =
        rank.step.run({0, {communicator.rank() == 0 ? of_first : of_second}}, 0, 1e-2);
    const std::lock_guard lock(mutex);
    agreement.scales.push_back(rank.step.loss_scaler().scale());
    agreement.retries.push_back(result.overflow_retries);
    agreement.weights.push_back(rank.weights());
  });
  return agreement;
}

TEST(LossScaling, RanksAgreeOnTheScaleWhenOneOverflows) {
  const Agreement calm = run_two_ranks(unmasked(), unmasked());
  EXPECT_THAT(calm.retries, ::testing::Each(0)) << "this batch does not overflow";
  const Agreement mixed = run_two_ranks(unmasked(), one_masked());
  EXPECT_GT(mixed.retries[0], 0);
  EXPECT_EQ(mixed.retries[0], mixed.retries[1]);
  EXPECT_EQ(mixed.scales[0], mixed.scales[1]);
  EXPECT_LT(mixed.scales[0], 65536.0);
  EXPECT_TRUE(at::equal(mixed.weights[0], mixed.weights[1]));
}

TEST(LossScaling, AGradientThatStaysInfiniteEndsTheRunAtTheFloor) {
  const auto alone = make_single_communicator();
  Rank rank(config_of(Precision::fp16), *alone);
  rank.model.parameters().front().master.detach().fill_(std::numeric_limits<float>::quiet_NaN());
  rank.model.refresh_compute_weights();
  const at::Tensor before = rank.model.parameters().back().master.detach().clone();
  try {
    rank.step.run({4, {sequences(0, 2)}}, 0, 0.1);
    FAIL() << "no divergence";
  } catch (const DivergenceError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("step 5 of its phase: the gradient of bert."));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("min_loss_scale 1"));
  }
  EXPECT_EQ(rank.optimizer->step_count(), 0);
  EXPECT_TRUE(at::equal(rank.model.parameters().back().master, before));
}

TEST(LossScaling, ReproducibleSumsOverflowAndRecoverToo) {
  const auto alone = make_single_communicator();
  RunConfig config = config_of(Precision::fp16, 0x1p30);
  config.communication.reduction = Reduction::reproducible;
  Rank rank(config, *alone);
  const StepResult result = rank.step.run({0, {sequences(0, 4), sequences(4, 4)}}, 0, 1e-2);
  EXPECT_GT(result.overflow_retries, 0);
  Rank exact(config_of(Precision::fp32), *alone);
  const StepResult expected = exact.step.run({0, {sequences(0, 4), sequences(4, 4)}}, 0, 1e-2);
  EXPECT_NEAR(result.norm.value, expected.norm.value, 0.01 * expected.norm.value);
}

}  // namespace
}  // namespace lambert
