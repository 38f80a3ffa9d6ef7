// SPDX-License-Identifier: Apache-2.0
#include "optim/lr_schedule.h"

#include <cmath>

#include <gtest/gtest.h>

namespace lambert {
namespace {

PhaseConfig phase(double peak, double warmup, std::int64_t steps, double power,
                  LrDecayOrigin origin = LrDecayOrigin::phase_start) {
  PhaseConfig config;
  config.learning_rate = peak;
  config.warmup_steps = warmup;
  config.max_steps = steps;
  config.lr_decay_power = power;
  config.lr_decay_origin = origin;
  return config;
}

TEST(LrSchedule, ReachesPeakOnTheLastWarmupStep) {
  const LrSchedule schedule(phase(6e-3, 2001, 7038, 0.5));
  EXPECT_DOUBLE_EQ(schedule.rate_at(0), 6e-3 / 2001);
  EXPECT_DOUBLE_EQ(schedule.rate_at(2000), 6e-3);
  EXPECT_LT(schedule.rate_at(2001), 6e-3);
}

TEST(LrSchedule, DropsAfterWarmupWhenDecayCountsFromThePhaseStart) {
  // 6e-3 -> 5.08e-3 and 4e-3 -> 3.74e-3, as in the published 64K recipe.
  EXPECT_NEAR(LrSchedule(phase(6e-3, 2001, 7038, 0.5)).rate_at(2001), 5.08e-3, 5e-6);
  EXPECT_NEAR(LrSchedule(phase(4e-3, 200, 1563, 0.5)).rate_at(200), 3.74e-3, 5e-6);
}

TEST(LrSchedule, DoesNotDropWhenDecayCountsFromTheEndOfWarmup) {
  const LrSchedule schedule(phase(6e-3, 2001, 7038, 0.5, LrDecayOrigin::warmup_end));
  EXPECT_DOUBLE_EQ(schedule.rate_at(2001), 6e-3);
  EXPECT_NEAR(schedule.rate_at(7037), 6e-3 * std::sqrt(1.0 / (7038 - 2001)), 1e-17);
}

/// Google's create_optimizer: peak 1e-4, 100 warm-up steps, 1000 steps; its rates at step s are
/// ours one step earlier while the rate rises, because ours starts above zero, and the same
/// afterwards.
TEST(LrSchedule, EqualsGooglesTable) {
  const LrSchedule schedule(phase(1e-4, 100, 1000, 1.0));
  EXPECT_DOUBLE_EQ(schedule.rate_at(0), 1e-6);
  EXPECT_DOUBLE_EQ(schedule.rate_at(49), 5e-5);
  EXPECT_DOUBLE_EQ(schedule.rate_at(98), 9.9e-5);
  EXPECT_DOUBLE_EQ(schedule.rate_at(100), 9e-5);
  EXPECT_DOUBLE_EQ(schedule.rate_at(500), 5e-5);
  EXPECT_NEAR(schedule.rate_at(999), 1e-7, 1e-19);
  EXPECT_EQ(schedule.rate_at(1000), 0.0);
}

TEST(LrSchedule, DecaysToAHorizonBeyondThePhase) {
  PhaseConfig first = phase(5e-3, 3125, 14063, 1.0);
  first.lr_decay_steps = 15625;
  EXPECT_NEAR(LrSchedule(first).rate_at(14062), 5e-3 * 1563 / 15625, 1e-17);
}

TEST(LrSchedule, RoundsAWarmupShareToWholeSteps) {
  EXPECT_EQ(LrSchedule(phase(6e-3, 0.2843, 7038, 0.5)).warmup_steps(), 2001);
  EXPECT_EQ(LrSchedule(phase(4e-3, 0.128, 1563, 0.5)).warmup_steps(), 200);
}

TEST(LrSchedule, StartsAtPeakWithoutWarmup) {
  EXPECT_EQ(LrSchedule(phase(1e-3, 0, 10, 1.0)).rate_at(0), 1e-3);
}

TEST(LrSchedule, EndsWithWarmupWhenThePhaseIsAllWarmup) {
  const LrSchedule schedule(phase(1e-3, 10, 10, 1.0, LrDecayOrigin::warmup_end));
  EXPECT_DOUBLE_EQ(schedule.rate_at(9), 1e-3);
  EXPECT_EQ(schedule.rate_at(10), 0.0);
}

}  // namespace
}  // namespace lambert
