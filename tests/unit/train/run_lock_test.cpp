// SPDX-License-Identifier: Apache-2.0
#include "train/run_lock.h"

#include <fstream>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "support/temp_directory.h"

namespace lambert {
namespace {

TEST(RunLock, HeldByAnotherRunNamesTheHolder) {
  const TempDirectory folder;
  const RunLock first(folder.path());
  try {
    const RunLock second(folder.path());
    FAIL() << "two holders";
  } catch (const BusyError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("process " + std::to_string(::getpid())));
  }
}

TEST(RunLock, IsFreeAgainAfterItsHolder) {
  const TempDirectory folder;
  std::make_unique<RunLock>(folder.path());
  const RunLock next(folder.path());
  EXPECT_EQ(next.previous_holder(), "");
}

TEST(RunLock, OfADeadRunIsTakenOverAndNoted) {
  const TempDirectory folder;
  std::ofstream(folder / "run.lock")
      << R"({"host":"node7","pid":4711,"launcher":4710,"start":"yesterday"})";
  const RunLock next(folder.path());
  EXPECT_EQ(next.previous_holder(), "process 4711 on node7, started yesterday");
}

TEST(RunLock, SurvivesGarbageInTheFile) {
  const TempDirectory folder;
  std::ofstream(folder / "run.lock") << R"(["pid"])";
  const RunLock next(folder.path());
  EXPECT_THAT(next.previous_holder(), testing::HasSubstr("process 0 on ?"));
}

}  // namespace
}  // namespace lambert
