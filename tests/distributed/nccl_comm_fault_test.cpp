// SPDX-License-Identifier: Apache-2.0
// How a job ends when NCCL fails: the stand-in reports an asynchronous error, never completes a
// collective, does not return from a call, or hangs in its abort.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/mpi_job.h"

namespace lambert {
namespace {

using testing::all_gone;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using testing::JobEnd;
using testing::kGraceSeconds;
using testing::kStartSeconds;
using ::testing::Not;

// Many times a step, and the deadline of most waits here: shorter than in other tests, because
// there are more of them.
constexpr double kTimeoutSeconds = 3.0;

// A step has four buckets, each a reduce-scatter and an all-gather: call 23 is the reduce-scatter
// of bucket 3 in step 2, the twelfth bucket of the run.
constexpr const char* kBucket = "'bucket 3' #12";

/// fault: as the stand-in wants it, "KIND RANK N", or empty.
JobEnd run_job(int ranks, const std::string& fault, bool abort_hangs,
               const std::string& suffer = "nothing", int suffering_rank = 0) {
  std::string environment;
  if (!fault.empty()) {
    environment += "LAMBERT_STAND_IN_FAULT='" + fault + "' ";
  }
  if (abort_hangs) {
    environment += "LAMBERT_STAND_IN_ABORT=hang ";
  }
  return testing::run_mpi_job(ranks,
                              std::string(LAMBERT_NCCL_FAULT_RANKS) + " " + suffer + " " +
                                  std::to_string(suffering_rank) + " " +
                                  std::to_string(kTimeoutSeconds),
                              environment);
}

void expect_end_by_code_6(const JobEnd& end, double limit_seconds) {
  EXPECT_EQ(end.exit_code, 6) << end.output;
  EXPECT_LT(end.seconds, kStartSeconds + limit_seconds) << end.output;
  EXPECT_TRUE(all_gone(end)) << end.output;
}

class NcclFaults : public ::testing::TestWithParam<int> {};

TEST_P(NcclFaults, WithoutOneTheJobEndsWell) {
  const JobEnd end = run_job(GetParam(), "", false);
  EXPECT_EQ(end.exit_code, 0) << end.output;
}

TEST_P(NcclFaults, AsynchronousErrorIsSeenBeforeTheDeadlineAndNamed) {
  const JobEnd end = run_job(GetParam(), "async-error 1 23", false);
  expect_end_by_code_6(end, kTimeoutSeconds);
  // NCCL does not say which: a bucket of the step that is not believed to be done.
  EXPECT_THAT(end.output, ContainsRegex("reduction 'bucket [0-3]' #(9|10|11|12) on rank 1: NCCL "
                                        "reports: unhandled system error \\(code 2\\); the job"));
  EXPECT_THAT(end.output, Not(HasSubstr("no progress")));
}

TEST_P(NcclFaults, CollectiveThatNeverCompletesEndsAtTheDeadline) {
  const JobEnd end = run_job(GetParam(), "never 1 23", false);
  expect_end_by_code_6(end, kTimeoutSeconds + kGraceSeconds);
  EXPECT_THAT(end.output, HasSubstr(std::string("reduction ") + kBucket + " on rank "));
  EXPECT_THAT(end.output, HasSubstr("no progress for 3."));
}

TEST_P(NcclFaults, CallThatDoesNotReturnIsFreedByTheAbort) {
  const JobEnd end = run_job(GetParam(), "block 1 23", false);
  expect_end_by_code_6(end, kTimeoutSeconds + kGraceSeconds);
  EXPECT_THAT(end.output, HasSubstr(std::string("reduction ") + kBucket + " on rank 1"));
  EXPECT_THAT(end.output, Not(HasSubstr("ending after")));
}

TEST_P(NcclFaults, HangingAbortDoesNotKeepTheProcess) {
  const JobEnd end = run_job(GetParam(), "never 1 23", true);
  expect_end_by_code_6(end, kTimeoutSeconds + kGraceSeconds);
  EXPECT_THAT(end.output, HasSubstr(std::string("reduction ") + kBucket + " on rank "));
  EXPECT_THAT(end.output, HasSubstr("ncclCommAbort does not come back"));
}

/// No rank can say anything but by its timer.
TEST_P(NcclFaults, HangingAbortOfCallsThatDoNotReturnIsEndedByTheTimer) {
  const JobEnd end = run_job(GetParam(), "block -1 23", true);
  expect_end_by_code_6(end, kTimeoutSeconds + kGraceSeconds);
  EXPECT_THAT(end.output,
              HasSubstr(std::string("ending after: reduction ") + kBucket + " on rank "));
}

INSTANTIATE_TEST_SUITE_P(Ranks, NcclFaults, ::testing::Values(2, 4));

TEST(NcclRank, ThatFreezesIsNamed) {
  const JobEnd end = run_job(3, "", false, "freeze", 1);
  expect_end_by_code_6(end, kTimeoutSeconds + kGraceSeconds);
  EXPECT_THAT(end.output, HasSubstr("rank 1 ("));
  EXPECT_THAT(end.output, ContainsRegex("silent for [345]\\."));
  EXPECT_THAT(end.output, ContainsRegex("reduction 'bucket [012]' #1[345] on rank [02]"));
}

TEST(NcclRank, ThatLeavesOutABucketIsNamed) {
  const JobEnd end = run_job(2, "", false, "skip", 1);
  expect_end_by_code_6(end, kTimeoutSeconds + kGraceSeconds);
  EXPECT_THAT(end.output, HasSubstr("rank 1"));
}

/// Of equal sizes, so NCCL itself notices nothing.
TEST(NcclRank, ThatSumsBucketsInAnotherOrderIsFoundWhenTheRanksMeetNext) {
  const JobEnd end = run_job(2, "", false, "swap", 1);
  expect_end_by_code_6(end, kTimeoutSeconds);
  EXPECT_THAT(end.output, HasSubstr("have not started the same; on rank 1 the last is all-reduce "
                                    "'bucket 0' #16 of 40000 bytes"));
}

TEST(NcclRank, ThatFailsWithBucketsInFlightDecidesTheExitCode) {
  const JobEnd end = run_job(3, "", false, "data", 1);
  EXPECT_EQ(end.exit_code, 3) << end.output;
  EXPECT_THAT(end.output, HasSubstr("reading shard 7: hash mismatch"));
  EXPECT_TRUE(all_gone(end)) << end.output;
}

}  // namespace
}  // namespace lambert
