// SPDX-License-Identifier: Apache-2.0
#include "cluster/cluster_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "config/load_run_config.h"

namespace lambert {
namespace {

RunConfig published_config(const std::vector<std::string>& overrides = {}) {
  return load_run_config(LAMBERT_SOURCE_DIRECTORY "/configs/bert_large_64k.yaml", overrides);
}

std::string error_of(const RunConfig& config, const Cluster& cluster) {
  try {
    plan_cluster(config, cluster);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ClusterPlan, OfTheRecipeOn1024GpusIsASumOfItsPhases) {
  const ClusterPlan plan =
      plan_cluster(published_config(), {.gpus = 1024, .network_gigabits = 400});
  ASSERT_EQ(plan.phases.size(), 2U);
  const PhaseForecast& first = plan.phases.front();
  EXPECT_EQ(first.shape.micro_batch, 64);
  EXPECT_EQ(first.shape.accumulation, 1);
  EXPECT_EQ(plan.phases.back().shape.micro_batch, 32);
  EXPECT_DOUBLE_EQ(first.sequences_per_second, 65536.0 / first.cost.seconds());
  EXPECT_DOUBLE_EQ(
      plan.hours(),
      (7038 * first.cost.seconds() + 1563 * plan.phases.back().cost.seconds()) / 3600.0);
  EXPECT_DOUBLE_EQ(plan.gpu_hours(), 1024.0 * plan.hours());
  // 64 x 240.6 GF of one GPU over its 989 TFLOP/s; 19.2 masked tokens instead of 20 are 0.07 %.
  EXPECT_NEAR(first.peak_share, 64 * 240.6e9 / first.cost.seconds() / 989e12,
              2e-3 * first.peak_share);
  EXPECT_THAT(plan.notes, testing::Contains(testing::HasSubstr("not been measured on a GPU")));
}

TEST(ClusterPlan, EfficiencyIsOneForOneGpuAndFallsWithTheirNumber) {
  const RunConfig config = published_config();
  double last = 1.0;
  EXPECT_DOUBLE_EQ(plan_cluster(config, {.gpus = 1}).phases.front().efficiency, 1.0);
  for (const std::int64_t gpus : {8, 64, 512, 1024, 4096}) {
    const double efficiency = plan_cluster(config, {.gpus = gpus}).phases.front().efficiency;
    EXPECT_LT(efficiency, last) << gpus;
    last = efficiency;
  }
  EXPECT_GT(last, 0.1);
}

TEST(ClusterPlan, ASlowNetworkCostsTimeOnlyBetweenNodes) {
  const auto seconds = [](std::int64_t gpus, double gigabits) {
    return plan_cluster(published_config(), {.gpus = gpus, .network_gigabits = gigabits})
        .phases.front()
        .cost.seconds();
  };
  EXPECT_DOUBLE_EQ(seconds(8, 10), seconds(8, 400));
  EXPECT_GT(seconds(1024, 10), 1.5 * seconds(1024, 400));
}

TEST(ClusterPlan, AMicroBatchThatDoesNotFitIsReducedAndSaysSo) {
  const ClusterPlan large = plan_cluster(published_config(), {.gpu = "h200", .gpus = 8});
  EXPECT_EQ(large.phases.front().shape.micro_batch, 512);
  EXPECT_EQ(large.phases.front().reduced_from, 0);
  // 512 x 128 tokens x 24 layers x 32,848 bytes are 51.7 GB, more than an A100 of 40 GB has.
  const ClusterPlan small = plan_cluster(published_config(), {.gpu = "a100", .gpus = 8});
  const PhaseForecast& phase = small.phases.front();
  EXPECT_EQ(phase.reduced_from, 512);
  EXPECT_EQ(phase.shape.micro_batch, 256);
  EXPECT_EQ(phase.shape.accumulation, 32);
  EXPECT_LE(static_cast<double>(phase.memory.total()), 0.95 * 40e9);
}

TEST(ClusterPlan, AMeanLengthBelowTheLongestMakesStepsShorter) {
  const RunConfig config = published_config();
  const ClusterPlan full = plan_cluster(config, {.gpus = 8});
  const ClusterPlan real = plan_cluster(config, {.gpus = 8, .mean_lengths = {128, 256}});
  EXPECT_DOUBLE_EQ(real.phases[0].cost.seconds(), full.phases[0].cost.seconds());
  EXPECT_NEAR(real.phases[1].cost.products / full.phases[1].cost.products, 0.5, 0.02);
  // Spread evenly from 0 to 512 around 256 the mean square is 512^2 / 3.
  EXPECT_NEAR(mean_workload(3, 256, 512, 1).token_pairs, 512.0 * 512.0, 1e-6);
  EXPECT_DOUBLE_EQ(mean_workload(3, 512, 512, 1).token_pairs, 3 * 512.0 * 512.0);
}

TEST(ClusterPlan, AWrongClusterIsAMistakeWithTheWayOut) {
  const RunConfig config = published_config();
  EXPECT_THAT(
      error_of(config, {.gpu = "h1000"}),
      testing::AllOf(testing::HasSubstr("did you mean 'h100'"), testing::HasSubstr("a100-80g")));
  EXPECT_THAT(error_of(config, {.gpus = 0}), testing::HasSubstr("--gpus is 0"));
  EXPECT_THAT(error_of(config, {.gpus = 12}), testing::HasSubstr("plan whole nodes"));
  EXPECT_THAT(error_of(config, {.gpus = 24}), testing::HasSubstr("unequal shares"));
  EXPECT_THAT(error_of(config, {.network_gigabits = -1}), testing::HasSubstr("--network is -1"));
  EXPECT_THAT(error_of(config, {.mean_lengths = {128}}), testing::HasSubstr("1 numbers for 2"));
  EXPECT_THAT(error_of(config, {.mean_lengths = {129, 300}}),
              testing::HasSubstr("--mean-length of phase seq128 is 129"));
  EXPECT_THAT(error_of(config, {.software = "deepspeed-2020"}),
              testing::HasSubstr("no published figure of deepspeed-2020 on --gpu h100"));
  EXPECT_THAT(error_of(published_config({"precision=fp32"}), {.gpu = "tpuv3"}),
              testing::HasSubstr("use precision=bf16"));
  EXPECT_THAT(error_of(published_config({"model.num_hidden_layers=500"}), {.gpu = "v100"}),
              testing::HasSubstr("choose a larger GPU"));
}

TEST(ClusterPlan, EveryConstantHasASource) {
  for (const Machine& machine : machines()) {
    EXPECT_FALSE(machine.source.empty()) << machine.name;
    EXPECT_GT(machine.network_gigabits, 0.0) << machine.name;
  }
  for (const Software& software : softwares()) {
    EXPECT_FALSE(software.source.empty()) << software.name;
    for (const MatmulShare& share : software.matmul_shares) {
      EXPECT_FALSE(share.source.empty()) << software.name;
      EXPECT_TRUE(share.share > 0.0 && share.share < 1.0) << software.name;
    }
  }
}

}  // namespace
}  // namespace lambert
