// SPDX-License-Identifier: Apache-2.0
#include "squad/fine_tuner.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>

#include "base/error.h"

namespace lambert {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

SquadConfig recipe(std::int64_t batch, double epochs) {
  SquadConfig config;
  config.per_device_train_batch_size = batch;
  config.num_train_epochs = epochs;
  return config;
}

/// Windows of a step on a rank, in their order.
std::vector<std::size_t> windows_of(const FineTuningPlan& plan, std::int64_t step, int rank = 0) {
  std::vector<std::size_t> windows;
  for (const auto& micro_batch : plan.micro_batches(step, rank)) {
    for (const FineTuningPlan::Sample& sample : micro_batch) {
      windows.push_back(sample.window);
    }
  }
  return windows;
}

std::vector<std::size_t> windows_of_epoch(const FineTuningPlan& plan, std::int64_t epoch,
                                          std::int64_t steps_per_epoch) {
  std::vector<std::size_t> windows;
  for (std::int64_t step = epoch * steps_per_epoch; step < (epoch + 1) * steps_per_epoch; ++step) {
    const std::vector<std::size_t> of_step = windows_of(plan, step);
    windows.insert(windows.end(), of_step.begin(), of_step.end());
  }
  return windows;
}

std::vector<std::size_t> sizes_of(const FineTuningPlan& plan, std::int64_t step, int rank) {
  std::vector<std::size_t> sizes;
  for (const auto& micro_batch : plan.micro_batches(step, rank)) {
    sizes.push_back(micro_batch.size());
  }
  return sizes;
}

TEST(FineTuningPlan, CountsStepsByWindowsAndEpochs) {
  EXPECT_EQ(FineTuningPlan(recipe(32, 2), 1, 88641, 1).steps(), 2 * 2771);
  EXPECT_EQ(FineTuningPlan(recipe(8, 2), 1, 88641, 4).steps(), 2 * 2771);
  EXPECT_EQ(FineTuningPlan(recipe(10, 0.25), 1, 95, 1).steps(), 3) << "a quarter of 10, rounded up";
  EXPECT_EQ(FineTuningPlan(recipe(10, 0), 1, 95, 1).steps(), 0);
}

TEST(FineTuningPlan, WarmsUpOverATenthAndDecaysToZero) {
  SquadConfig config = recipe(1, 1);
  config.learning_rate = 5e-5;
  const FineTuningPlan plan(config, 1, 1000, 1);
  EXPECT_DOUBLE_EQ(plan.rate_at(0), 5e-5 * 1 / 100);
  EXPECT_DOUBLE_EQ(plan.rate_at(99), 5e-5);
  EXPECT_DOUBLE_EQ(plan.rate_at(100), 5e-5 * 900 / 1000);
  EXPECT_DOUBLE_EQ(plan.rate_at(999), 5e-5 * 1 / 1000);
}

TEST(FineTuningPlan, CanDecayFromTheEndOfTheWarmUp) {
  SquadConfig config = recipe(1, 1);
  config.learning_rate = 1.0;
  config.lr_decay_origin = LrDecayOrigin::warmup_end;
  EXPECT_DOUBLE_EQ(FineTuningPlan(config, 1, 1000, 1).rate_at(100), 1.0);
}

TEST(FineTuningPlan, TakesEveryWindowOnceInAnEpoch) {
  const FineTuningPlan plan(recipe(8, 2), 1, 50, 1);
  for (const std::int64_t epoch : {0, 1}) {
    std::vector<std::size_t> windows = windows_of_epoch(plan, epoch, 7);
    std::sort(windows.begin(), windows.end());
    ASSERT_EQ(windows.size(), 50U);
    for (std::size_t index = 0; index < windows.size(); ++index) {
      EXPECT_EQ(windows[index], index);
    }
  }
}

TEST(FineTuningPlan, ShufflesByEpochAndSeed) {
  const FineTuningPlan plan(recipe(8, 2), 1, 50, 1);
  EXPECT_NE(windows_of_epoch(plan, 0, 7), windows_of_epoch(plan, 1, 7));
  EXPECT_NE(windows_of_epoch(plan, 0, 7),
            windows_of_epoch(FineTuningPlan(recipe(8, 2), 2, 50, 1), 0, 7));
  EXPECT_EQ(windows_of_epoch(plan, 0, 7),
            windows_of_epoch(FineTuningPlan(recipe(8, 2), 1, 50, 1), 0, 7));
}

TEST(FineTuningPlan, WithoutShuffleKeepsTheOrderOfTheFile) {
  SquadConfig config = recipe(4, 1);
  config.shuffle = false;
  const FineTuningPlan plan(config, 1, 10, 1);
  EXPECT_THAT(windows_of(plan, 0), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(windows_of(plan, 2), ElementsAre(8, 9));
  EXPECT_EQ(plan.windows_in(2), 2);
}

TEST(FineTuningPlan, CountsTheWindowsBeforeAStep) {
  const FineTuningPlan plan(recipe(4, 3), 1, 10, 1);
  std::int64_t seen = 0;
  for (std::int64_t step = 0; step < plan.steps(); ++step) {
    EXPECT_EQ(plan.windows_before(step), seen) << step;
    seen += plan.windows_in(step);
  }
  EXPECT_EQ(plan.windows_before(plan.steps()), 30);
}

TEST(FineTuningPlan, NumbersSamplesOverTheWholeRun) {
  const FineTuningPlan plan(recipe(4, 3), 1, 10, 1);
  std::set<std::uint64_t> numbers;
  for (std::int64_t step = 0; step < plan.steps(); ++step) {
    for (const auto& micro_batch : plan.micro_batches(step, 0)) {
      for (const FineTuningPlan::Sample& sample : micro_batch) {
        numbers.insert(sample.number);
      }
    }
  }
  EXPECT_EQ(numbers.size(), 30U);
}

TEST(FineTuningPlan, DealsTheWindowsOfAStepToTheRanks) {
  SquadConfig config = recipe(4, 1);
  config.global_train_batch_size = 16;
  const FineTuningPlan one(config, 1, 45, 1);
  const FineTuningPlan three(config, 1, 45, 3);
  for (std::int64_t step = 0; step < one.steps(); ++step) {
    std::vector<std::size_t> dealt;
    std::int64_t micro_batches = 0;
    for (int rank = 0; rank < 3; ++rank) {
      const std::vector<std::size_t> mine = windows_of(three, step, rank);
      dealt.insert(dealt.end(), mine.begin(), mine.end());
      for (const std::size_t size : sizes_of(three, step, rank)) {
        EXPECT_LE(size, 4U);
        ++micro_batches;
      }
    }
    EXPECT_EQ(dealt, windows_of(one, step));
    EXPECT_EQ(micro_batches, three.micro_batches_in(step));
  }
}

TEST(FineTuningPlan, GivesRanksNearlyEqualWork) {
  SquadConfig config = recipe(32, 1);
  config.global_train_batch_size = 32;
  const FineTuningPlan plan(config, 1, 45, 2);
  EXPECT_THAT(sizes_of(plan, 0, 0), ElementsAre(16));
  EXPECT_THAT(sizes_of(plan, 1, 0), ElementsAre(6));
  EXPECT_THAT(sizes_of(plan, 1, 1), ElementsAre(7));
}

TEST(FineTuningPlan, OfAReproducibleReductionHasTheSameMicroBatchesOnAnyRanks) {
  SquadConfig config = recipe(4, 1);
  config.global_train_batch_size = 16;
  config.communication.reduction = Reduction::reproducible;
  const auto all_of = [&config](int ranks, std::int64_t step) {
    const FineTuningPlan plan(config, 1, 45, ranks);
    std::vector<std::size_t> sizes;
    for (int rank = 0; rank < ranks; ++rank) {
      const std::vector<std::size_t> mine = sizes_of(plan, step, rank);
      sizes.insert(sizes.end(), mine.begin(), mine.end());
    }
    return sizes;
  };
  for (const std::int64_t step : {0, 2}) {  // full, and the short last one of the epoch
    for (const int ranks : {2, 3, 8}) {
      EXPECT_EQ(all_of(ranks, step), all_of(1, step)) << ranks << " ranks, step " << step;
    }
  }
}

TEST(FineTuningPlan, RefusesAWarmUpLongerThanTheTraining) {
  SquadConfig config = recipe(10, 1);
  config.warmup_steps = 11;
  try {
    const FineTuningPlan plan(config, 1, 100, 1);
    ADD_FAILURE() << "taken";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("warmup_steps is above all 10 steps"));
  }
}

TEST(QuestionAnsweringInputs, PackWindowsWithoutPadding) {
  SquadFeature first;
  first.input_ids = {101, 7, 102, 8, 9, 102};
  first.window_begin = 3;
  first.start_position = 3;
  first.end_position = 4;
  SquadFeature second;
  second.input_ids = {101, 102, 5, 102};
  second.window_begin = 2;
  const QuestionAnsweringInputs inputs =
      make_question_answering_inputs({&first, &second}, {0, 1}, {}, true);
  EXPECT_EQ(inputs.input_ids.size(0), 10);
  EXPECT_EQ(inputs.lengths[1].item<std::int64_t>(), 4);
  EXPECT_EQ(inputs.token_type_ids.sum().item<std::int64_t>(), 3 + 2);
  EXPECT_EQ(inputs.start_positions[0].item<std::int64_t>(), 3);
  EXPECT_EQ(inputs.end_positions[1].item<std::int64_t>(), 0);
}

}  // namespace
}  // namespace lambert
