// SPDX-License-Identifier: Apache-2.0
// A save is attacked at every one of its operations. Whatever happens, a reader finds the old
// checkpoint or the new one, complete.
#include <array>
#include <optional>

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "checkpoint/residual_file.h"
#include "support/faulty_file_system.h"
#include "support/temp_directory.h"
#include "support/tiny_checkpoint.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kOldStep = 10;
constexpr std::int64_t kNewStep = 20;

/// The tiny checkpoint with everything that a checkpoint may have: the residuals of two ranks.
CheckpointContent full_checkpoint(std::int64_t step) {
  CheckpointContent content = tiny_checkpoint(step);
  for (int rank = 0; rank < 2; ++rank) {
    for (const NamedTensor& named : content.model) {
      content.residuals.push_back({residual_name(named.name, rank), named.tensor + (rank + 1)});
    }
  }
  return content;
}

bool has_residuals(const fs::path& checkpoint, const CheckpointContent& content) {
  std::vector<NamedTensor> residuals;
  for (const NamedTensor& named : content.model) {
    residuals.push_back({named.name, at::zeros_like(named.tensor)});
  }
  bool same = load_residuals(checkpoint, 1, 2, residuals) == 2;
  for (std::size_t index = 0; index < residuals.size(); ++index) {
    same = same && at::equal(residuals[index].tensor, content.model[index].tensor + 2);
  }
  return same;
}

void save_old(const fs::path& folder) {
  FaultyFileSystem disk;
  CheckpointStore(disk, folder).save(full_checkpoint(kOldStep));
}

std::int64_t operations_of_a_save() {
  const TempDirectory folder;
  save_old(folder.path());
  FaultyFileSystem disk;
  CheckpointStore(disk, folder.path()).save(full_checkpoint(kNewStep));
  return disk.operations();
}

/// The step that a new process resumes from, after loading and comparing every value; nothing for
/// none.
std::optional<std::int64_t> resumed_step(const fs::path& folder) {
  FaultyFileSystem disk;
  const fs::path newest = CheckpointStore(disk, folder).newest_valid();
  if (newest.empty()) {
    return std::nullopt;
  }
  CheckpointContent content = tiny_checkpoint(0);
  load_checkpoint(newest, content);
  EXPECT_TRUE(is_tiny_checkpoint(content, content.state.global_step)) << "a mix of two states";
  EXPECT_TRUE(has_residuals(newest, content)) << "a mix of two states";
  return content.state.global_step;
}

bool save_until_killed(FaultyFileSystem& disk, const fs::path& folder, std::int64_t operation) {
  disk.kill_at(operation);
  try {
    CheckpointStore(disk, folder).save(full_checkpoint(kNewStep));
  } catch (const ProcessKilled&) {
    return true;
  }
  return false;
}

TEST(SaveProtocol, HasAsManyOperationsAsItsFilesAndFoldersNeed) {
  // 9 files of open, write(s), fsync, close; mkdir, statvfs, renames, folder syncs, latest.
  EXPECT_GT(operations_of_a_save(), 40);
}

TEST(SaveProtocol, ResumesFromOldOrNewAfterAKillAtEveryOperation) {
  const std::int64_t operations = operations_of_a_save();
  for (std::int64_t operation = 0; operation < operations; ++operation) {
    const TempDirectory folder;
    save_old(folder.path());
    FaultyFileSystem disk;
    ASSERT_TRUE(save_until_killed(disk, folder.path(), operation));
    const auto step = resumed_step(folder.path());
    ASSERT_TRUE(step == kOldStep || step == kNewStep) << "killed at operation " << operation;
    // The resumed run comes to the same step again and saves over what was left.
    FaultyFileSystem healthy;
    CheckpointStore(healthy, folder.path()).save(full_checkpoint(kNewStep));
    ASSERT_EQ(resumed_step(folder.path()), kNewStep);
  }
}

TEST(SaveProtocol, ResumesFromNothingOrNewWhenTheFirstSaveIsKilled) {
  const std::int64_t operations = operations_of_a_save();
  for (std::int64_t operation = 0; operation < operations; ++operation) {
    const TempDirectory folder;
    FaultyFileSystem disk;
    save_until_killed(disk, folder / "run", operation);
    const auto step = resumed_step(folder / "run");
    ASSERT_TRUE(!step || step == kNewStep) << "killed at operation " << operation;
  }
}

TEST(SaveProtocol, SurvivesAPowerLossAtEveryOperation) {
  const std::int64_t operations = operations_of_a_save();
  for (const UnsyncedData fate : {UnsyncedData::kept, UnsyncedData::dropped, UnsyncedData::torn,
                                  UnsyncedData::data_dropped_names_kept}) {
    for (std::int64_t operation = 0; operation <= operations; ++operation) {
      const TempDirectory folder;
      save_old(folder.path());
      FaultyFileSystem disk;
      const bool killed = save_until_killed(disk, folder.path(), operation);
      disk.lose_power(fate);
      const auto step = resumed_step(folder.path());
      ASSERT_TRUE(step == kOldStep || step == kNewStep)
          << "power lost at operation " << operation << ", fate " << static_cast<int>(fate);
      // What was reported as saved is there after any power loss.
      ASSERT_TRUE(killed || step == kNewStep);
    }
  }
}

TEST(SaveProtocol, FailsCleanlyWhateverOperationFails) {
  const std::int64_t operations = operations_of_a_save();
  for (const int error : {EIO, ENOSPC, EDQUOT, EROFS, ESTALE, EACCES, EMFILE}) {
    for (std::int64_t operation = 0; operation < operations; ++operation) {
      const TempDirectory folder;
      save_old(folder.path());
      FaultyFileSystem disk;
      disk.fail_at(operation, error);
      CheckpointStore store(disk, folder.path());
      try {
        store.save(full_checkpoint(kNewStep));
        FAIL() << "operation " << operation << " failed and the save was reported as success";
      } catch (const StorageError& failure) {
        ASSERT_NE(std::string(failure.what()).find(errno_text(error)), std::string::npos);
      }
      ASSERT_TRUE(verify_checkpoint(folder / "checkpoint-00000010", nullptr).empty());
      ASSERT_FALSE(fs::exists(folder / "checkpoint-00000020.partial")) << operation;
      ASSERT_TRUE(resumed_step(folder.path()).has_value());
      store.save(full_checkpoint(kNewStep));  // the fault is over
      ASSERT_EQ(resumed_step(folder.path()), kNewStep);
    }
  }
}

TEST(SaveProtocol, RefusesEarlyWhenTheDiskIsTooFull) {
  const TempDirectory folder;
  save_old(folder.path());
  FaultyFileSystem disk;
  disk.set_free_bytes(1 << 20);
  try {
    CheckpointStore(disk, folder.path()).save(full_checkpoint(kNewStep));
    FAIL() << "saved on a full disk";
  } catch (const StorageError& error) {
    EXPECT_NE(std::string(error.what()).find("1048576 free"), std::string::npos) << error.what();
  }
  EXPECT_FALSE(fs::exists(folder / "checkpoint-00000020.partial"));
  EXPECT_EQ(resumed_step(folder.path()), kOldStep);
}

TEST(SaveProtocol, PruningKilledAtEveryOperationKeepsTheNewest) {
  for (std::int64_t operation = 0; operation < 12; ++operation) {
    const TempDirectory folder;
    save_old(folder.path());
    FaultyFileSystem disk;
    CheckpointStore store(disk, folder.path());
    store.save(full_checkpoint(kNewStep));
    disk.kill_at(disk.operations() + operation);
    try {
      store.prune(1);
    } catch (const ProcessKilled&) {
    }
    ASSERT_EQ(resumed_step(folder.path()), kNewStep);
    FaultyFileSystem healthy;
    CheckpointStore(healthy, folder.path()).prune(1);
    ASSERT_EQ(CheckpointStore(healthy, folder.path()).list(true).size(), 1U);
  }
}

}  // namespace
}  // namespace lambert
