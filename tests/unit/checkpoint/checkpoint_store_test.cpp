// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/temp_directory.h"
#include "support/tiny_checkpoint.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

struct RunFolder {
  void save(std::initializer_list<std::int64_t> steps) {
    for (const std::int64_t step : steps) {
      store.save(tiny_checkpoint(step));
    }
  }
  void damage(const std::string& checkpoint) {
    fs::resize_file(folder / checkpoint / "model.safetensors", 5);
  }

  TempDirectory folder;
  std::unique_ptr<FileSystem> disk = make_posix_file_system();
  CheckpointStore store{*disk, folder.path()};
};

TEST(CheckpointStore, FindsNothingInANewFolder) {
  RunFolder run;
  EXPECT_TRUE(run.store.newest_valid().empty());
  EXPECT_TRUE(CheckpointStore(*run.disk, run.folder / "absent").newest_valid().empty());
  EXPECT_TRUE(run.store.list(true).empty());
}

TEST(CheckpointStore, EqualStateGivesEqualBytes) {
  RunFolder one;
  RunFolder other;
  const fs::path first = one.store.save(tiny_checkpoint(3));
  const fs::path second = other.store.save(tiny_checkpoint(3));
  for (const fs::directory_entry& entry : fs::directory_iterator(first)) {
    const fs::path name = entry.path().filename();
    EXPECT_EQ(read_file(first / name, 1 << 20), read_file(second / name, 1 << 20)) << name;
  }
}

TEST(CheckpointStore, TakesTheHighestStepAndWritesLatest) {
  RunFolder run;
  run.save({10, 30, 20});
  EXPECT_EQ(run.store.newest_valid().filename(), "checkpoint-00000030");
  EXPECT_EQ(read_file(run.folder / "latest", 100), "checkpoint-00000020\n");
}

TEST(CheckpointStore, FallsBackToTheNextOlderWhenTheNewestIsDamaged) {
  RunFolder run;
  run.save({10, 20});
  run.damage("checkpoint-00000020");
  EXPECT_EQ(run.store.newest_valid().filename(), "checkpoint-00000010");
  EXPECT_TRUE(fs::exists(run.folder / "checkpoint-00000020"));  // kept for a look
}

TEST(CheckpointStore, StopsWithEveryReasonWhenAllAreDamaged) {
  RunFolder run;
  run.save({10, 20});
  run.damage("checkpoint-00000010");
  fs::remove(run.folder / "checkpoint-00000020" / "manifest.json");
  try {
    run.store.newest_valid();
    FAIL();
  } catch (const CheckpointError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("checkpoint-00000010: model.safetensors has 5 bytes"),
              std::string::npos);
    EXPECT_NE(message.find("checkpoint-00000020: no manifest.json"), std::string::npos);
  }
}

TEST(CheckpointStore, IgnoresInterruptedSaves) {
  RunFolder run;
  run.save({10});
  fs::create_directory(run.folder / "checkpoint-00000020.partial");
  EXPECT_EQ(run.store.newest_valid().filename(), "checkpoint-00000010");
  fs::remove_all(run.folder / "checkpoint-00000010");
  EXPECT_TRUE(run.store.newest_valid().empty());
}

TEST(CheckpointStore, SavesAStepAgainOnlyWhenTheFirstIsDamaged) {
  RunFolder run;
  run.save({10});
  const auto written = fs::last_write_time(run.folder / "checkpoint-00000010" / "manifest.json");
  run.save({10});
  EXPECT_EQ(fs::last_write_time(run.folder / "checkpoint-00000010" / "manifest.json"), written);
  run.damage("checkpoint-00000010");
  run.save({10});
  EXPECT_EQ(run.store.newest_valid().filename(), "checkpoint-00000010");
  EXPECT_TRUE(fs::exists(run.folder / "checkpoint-00000010.damaged"));
}

TEST(CheckpointStore, PrunesTheOldestAndLeftovers) {
  RunFolder run;
  run.save({10, 20, 30, 40});
  run.damage("checkpoint-00000030");
  fs::create_directory(run.folder / "checkpoint-00000050.partial");
  run.store.prune(2);
  const std::vector<CheckpointInfo> left = run.store.list(true);
  ASSERT_EQ(left.size(), 3U);
  EXPECT_EQ(left[0].state.global_step, 40);
  EXPECT_FALSE(left[1].problem.empty());  // the damaged one does not count
  EXPECT_EQ(left[2].state.global_step, 20);
  run.store.prune(0);
  EXPECT_EQ(run.store.list(false).size(), 3U);
}

TEST(CheckpointStore, StartsQuicklyAmongManyLeftovers) {
  RunFolder run;
  run.save({10});
  for (int step = 1000; step < 1200; ++step) {
    fs::create_directory(run.folder / ("checkpoint-0000" + std::to_string(step) + ".partial"));
  }
  EXPECT_EQ(run.store.newest_valid().filename(), "checkpoint-00000010");
}

}  // namespace
}  // namespace lambert
