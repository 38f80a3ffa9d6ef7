// SPDX-License-Identifier: Apache-2.0
#include "config/step_shape.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace lambert {
namespace {

using testing::AllOf;
using testing::HasSubstr;

PhaseConfig phase_of(std::int64_t global_batch, std::int64_t per_device) {
  PhaseConfig phase;
  phase.name = "seq128";
  phase.global_train_batch_size = global_batch;
  phase.per_device_train_batch_size = per_device;
  return phase;
}

std::string mistake_of(const PhaseConfig& phase, std::int64_t ranks) {
  try {
    derive_step_shape(phase, ranks, Reduction::standard);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(StepShape, ProductIsTheGlobalBatchForEveryDivisor) {
  for (std::int64_t ranks = 1; ranks <= 960; ++ranks) {
    if (960 % ranks != 0) {
      continue;
    }
    for (const std::int64_t per_device : {1, 7, 16, 100, 5000}) {
      const StepShape shape =
          derive_step_shape(phase_of(960, per_device), ranks, Reduction::standard);
      EXPECT_EQ(shape.global_batch(), 960);
      EXPECT_EQ(shape.ranks, ranks);
      EXPECT_LE(shape.micro_batch, per_device);
    }
  }
}

TEST(StepShape, TakesTheLargestMicroBatchThatDividesTheShare) {
  const StepShape shape = derive_step_shape(phase_of(96, 20), 2, Reduction::standard);  // share 48
  EXPECT_EQ(shape.micro_batch, 16);
  EXPECT_EQ(shape.accumulation, 3);
}

TEST(StepShape, ReproducibleTakesTheMicroBatchExactlyOrRefuses) {
  for (const std::int64_t ranks : {1, 2, 3, 4, 6, 12}) {
    const StepShape shape = derive_step_shape(phase_of(96, 8), ranks, Reduction::reproducible);
    EXPECT_EQ(shape.micro_batch, 8);
    EXPECT_EQ(shape.global_batch(), 96);
  }
  try {
    derive_step_shape(phase_of(96, 8), 8, Reduction::reproducible);  // share 12
    FAIL() << "no error";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("share of 12"), HasSubstr("multiple of")));
  }
}

TEST(StepShape, MicroBatchIsNotAboveTheShare) {
  const StepShape shape = derive_step_shape(phase_of(64, 512), 16, Reduction::standard);
  EXPECT_EQ(shape.micro_batch, 4);
  EXPECT_EQ(shape.accumulation, 1);
}

TEST(StepShape, IndivisibleBatchShowsTheArithmeticAndNeighbours) {
  EXPECT_THAT(mistake_of(phase_of(65536, 512), 48),
              AllOf(HasSubstr("global_train_batch_size 65536 = 48 ranks x 1365 + 16"),
                    HasSubstr("32 or 64 ranks"), HasSubstr("a batch of 65520 or 65568")));
}

TEST(StepShape, MoreRanksThanSequencesIsRefused) {
  EXPECT_THAT(mistake_of(phase_of(8, 4), 10),
              AllOf(HasSubstr("8 = 10 ranks x 0 + 8"), HasSubstr("run on 8 ranks"),
                    HasSubstr("a batch of 10")));
}

TEST(StepShape, SizesBelowOneAreRefused) {
  EXPECT_THAT(mistake_of(phase_of(0, 4), 1), HasSubstr("at least 1"));
  EXPECT_THAT(mistake_of(phase_of(8, 4), 0), HasSubstr("at least 1"));
}

}  // namespace
}  // namespace lambert
