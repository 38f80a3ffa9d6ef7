// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint_saver.h"

#include <cerrno>

#include <gtest/gtest.h>

#include "support/faulty_file_system.h"
#include "support/temp_directory.h"
#include "support/tiny_checkpoint.h"

namespace lambert {
namespace {

/// A saver of one rank on a disk that can fail.
class CheckpointSaverTest : public ::testing::Test {
 protected:
  CheckpointSaver make_saver() {
    return {*communicator_, store_, tiny_checkpoint(0), parameters_, records_, progress_, 0};
  }
  static TrainState state_of(std::int64_t step) { return tiny_checkpoint(step).state; }

  TempDirectory folder_;
  FaultyFileSystem disk_;
  CheckpointStore store_{disk_, folder_.path()};
  RunRecords records_{disk_, folder_.path()};
  RunProgress progress_;
  std::unique_ptr<Communicator> communicator_ = make_single_communicator();
  std::vector<NamedParameter> parameters_;
};

TEST_F(CheckpointSaverTest, SurvivesOneFailedPeriodicSaveAndEndsAtTheSecondInARow) {
  CheckpointSaver saver = make_saver();
  saver.save(state_of(10), SaveNeed::periodic);
  ASSERT_EQ(progress_.last_committed_step, 10);
  disk_.fail_at(disk_.operations(), ENOSPC);
  saver.save(state_of(20), SaveNeed::periodic);  // a warning
  EXPECT_EQ(progress_.last_committed_step, 10);
  saver.save(state_of(30), SaveNeed::periodic);  // works again: the count starts anew
  EXPECT_EQ(progress_.last_committed_step, 30);
  disk_.fail_at(disk_.operations(), ENOSPC);
  saver.save(state_of(40), SaveNeed::periodic);
  disk_.fail_at(disk_.operations(), ENOSPC);
  EXPECT_THROW(saver.save(state_of(50), SaveNeed::periodic), StorageError);
  EXPECT_EQ(progress_.last_committed_step, 30);
  EXPECT_EQ(store_.newest_valid().filename(), "checkpoint-00000030");
}

TEST_F(CheckpointSaverTest, AFailedSaveAtAStopIsAnErrorAtOnce) {
  CheckpointSaver saver = make_saver();
  saver.save(state_of(10), SaveNeed::periodic);
  disk_.fail_at(disk_.operations(), EROFS);
  EXPECT_THROW(saver.save(state_of(20), SaveNeed::required), StorageError);
  EXPECT_EQ(progress_.last_committed_step, 10);
  EXPECT_EQ(store_.newest_valid().filename(), "checkpoint-00000010");
}

}  // namespace
}  // namespace lambert
