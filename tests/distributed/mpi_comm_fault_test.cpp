// SPDX-License-Identifier: Apache-2.0
// Real processes, real signals, bounded time: how a job ends when something happens to one of its
// ranks.
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/mpi_job.h"

namespace lambert {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using testing::all_gone;
using testing::count_of;
using testing::JobEnd;
using testing::kGraceSeconds;
using testing::kStartSeconds;
using testing::kTimeoutSeconds;

JobEnd run_job(int ranks, const std::string& fault, int faulty_rank) {
  return testing::run_mpi_job(ranks, std::string(LAMBERT_FAULT_RANKS) + " " + fault + " " +
                                         std::to_string(faulty_rank) + " " +
                                         std::to_string(kTimeoutSeconds));
}

/// Lines of the log that blame `rank` for being silent, one per survivor.
int blaming_survivors(const JobEnd& end, int ranks, int rank) {
  int survivors = 0;
  const std::string blame = ": rank " + std::to_string(rank) + " (";
  std::istringstream lines(end.output);
  std::string line;
  std::vector<bool> has_blamed(static_cast<std::size_t>(ranks), false);
  while (std::getline(lines, line)) {
    for (int survivor = 0; survivor < ranks; ++survivor) {
      if (survivor == rank) {
        continue;
      }
      const std::string speaker = "[rank " + std::to_string(survivor) + "/";
      if (line.find(speaker) != std::string::npos && line.find(blame) != std::string::npos &&
          line.find("silent for 5.") != std::string::npos) {
        has_blamed[static_cast<std::size_t>(survivor)] = true;
      }
    }
  }
  for (const bool blamed : has_blamed) {
    survivors += blamed ? 1 : 0;
  }
  return survivors;
}

void expect_frozen_rank_is_named(int ranks, int frozen_rank) {
  const JobEnd end = run_job(ranks, "freeze", frozen_rank);
  EXPECT_EQ(end.exit_code, 6) << end.output;
  EXPECT_EQ(blaming_survivors(end, ranks, frozen_rank), ranks - 1) << end.output;
  // mpirun wakes the frozen rank before it kills it: there may be time to repeat the verdict.
  EXPECT_LE(count_of(end.output, "silent for"), ranks) << end.output;
  EXPECT_LT(end.seconds, kStartSeconds + kTimeoutSeconds + kGraceSeconds);
  EXPECT_TRUE(all_gone(end)) << end.output;
}

TEST(FrozenRank, IsNamedByTheOtherOfTwo) {
  expect_frozen_rank_is_named(2, 1);
}

TEST(FrozenRank, IsNamedByEverySurvivorOfFour) {
  expect_frozen_rank_is_named(4, 2);
}

TEST(FrozenRank, IsNamedWhenItIsRankZero) {
  expect_frozen_rank_is_named(3, 0);
}

TEST(SlowRank, WithinTheDeadlineIsWaitedForWithAWarning) {
  const JobEnd end = run_job(3, "dawdle", 1);
  EXPECT_EQ(end.exit_code, 0) << end.output;
  EXPECT_THAT(end.output, HasSubstr("slow rank"));
}

TEST(HangingRank, IsNamedWithTheCollectiveItIsAt) {
  const JobEnd end = run_job(3, "hang", 1);
  EXPECT_EQ(end.exit_code, 6) << end.output;
  EXPECT_THAT(end.output, HasSubstr("has not entered it after 5."));
  EXPECT_THAT(end.output, HasSubstr("(it is at reduction 'bucket 3' #40)"));
  EXPECT_LT(end.seconds, kStartSeconds + kTimeoutSeconds + kGraceSeconds);
  EXPECT_TRUE(all_gone(end));
}

TEST(HangingRank, InAShardedStepIsNamedWithTheBucket) {
  const JobEnd end = run_job(3, "hang-in-sharded-step", 1);
  EXPECT_EQ(end.exit_code, 6) << end.output;
  EXPECT_THAT(end.output, HasSubstr("'weights of bucket 0' #22"));
  EXPECT_THAT(end.output, HasSubstr("(it is at reduction 'gradient bucket 0' #21)"));
  EXPECT_LT(end.seconds, kStartSeconds + kTimeoutSeconds + kGraceSeconds);
  EXPECT_TRUE(all_gone(end));
}

TEST(HangingRank, AtTheVeryEndEndsTheJobToo) {
  const JobEnd end = run_job(2, "hang-at-end", 0);
  EXPECT_EQ(end.exit_code, 6) << end.output;
  EXPECT_THAT(end.output, HasSubstr("rank 0 ("));
  EXPECT_LT(end.seconds, kStartSeconds + kTimeoutSeconds + kGraceSeconds);
  EXPECT_TRUE(all_gone(end));
}

TEST(LostRank, EndsTheJobSoonAndLeavesNothing) {
  const JobEnd end = run_job(4, "kill", 2);
  EXPECT_EQ(end.exit_code, 137) << end.output;
  EXPECT_LT(end.seconds, kStartSeconds + kTimeoutSeconds);
  EXPECT_TRUE(all_gone(end));
}

TEST(FailingRank, DecidesTheExitCode) {
  const JobEnd end = run_job(3, "data", 1);
  EXPECT_EQ(end.exit_code, 3) << end.output;
  EXPECT_THAT(end.output, HasSubstr("reading shard 7: hash mismatch"));
  EXPECT_LT(end.seconds, kStartSeconds + kTimeoutSeconds);
  EXPECT_TRUE(all_gone(end));
}

TEST(DisagreeingRank, InACollectiveIsFoundBeforeTheDeadline) {
  const JobEnd end = run_job(3, "other-collective", 1);
  EXPECT_EQ(end.exit_code, 6) << end.output;
  EXPECT_THAT(end.output, HasSubstr("rank 1 is at collective 'barrier' #11"));
  EXPECT_THAT(end.output, HasSubstr("rank 0 is at collective 'all_reduce_sum' #11"));
  EXPECT_THAT(end.output, Not(HasSubstr("after 5.")));
  EXPECT_TRUE(all_gone(end));
}

TEST(DisagreeingRank, InAReductionIsFoundBeforeTheDeadline) {
  const JobEnd end = run_job(3, "other-reduction", 1);
  EXPECT_EQ(end.exit_code, 6) << end.output;
  EXPECT_THAT(end.output, HasSubstr("'odd one' #41 of 308 bytes"));
  EXPECT_THAT(end.output, HasSubstr("'bucket 0' #41 of 400000 bytes"));
  EXPECT_THAT(end.output, Not(HasSubstr("after 5.")));
  EXPECT_TRUE(all_gone(end));
}

TEST(DisagreeingRank, ThatLeavesOutAReductionIsNamed) {
  const JobEnd end = run_job(3, "skip-reduction", 1);
  EXPECT_EQ(end.exit_code, 6) << end.output;
  EXPECT_THAT(end.output, HasSubstr("rank 1"));
  EXPECT_LT(end.seconds, kStartSeconds + kTimeoutSeconds + kGraceSeconds);
  EXPECT_TRUE(all_gone(end));
}

}  // namespace
}  // namespace lambert
