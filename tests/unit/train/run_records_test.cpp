// SPDX-License-Identifier: Apache-2.0
#include "train/run_records.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/temp_directory.h"

namespace lambert {
namespace {

nlohmann::json json_of(const std::filesystem::path& path) {
  return nlohmann::json::parse(read_file(path, 1 << 20));
}

TEST(RunRecords, TheFirstFailingRankDecides) {
  const TempDirectory folder;
  const auto file_system = make_posix_file_system();
  RunRecords records(*file_system, folder.path());
  const RunProgress progress{.work = "data", .global_step = 12, .last_committed_step = 10};
  records.record_failure({ExitCode::data, "data_error", "reading shard", 3}, progress);
  records.record_failure({ExitCode::communication, "peer_lost", "rank 3 is gone", 0}, progress);
  const nlohmann::json failure = json_of(folder / "failure.json");
  EXPECT_EQ(failure["rank"], 3);
  EXPECT_EQ(failure["phase"], "data");
  EXPECT_EQ(failure["what"], "reading shard");
  const nlohmann::json status = json_of(folder / "status.json");
  EXPECT_EQ(status["state"], "failed");
  EXPECT_EQ(status["code"], 3);
  EXPECT_EQ(status["last_committed_step"], 10);
}

TEST(RunRecords, StatusOfAStoppedRunIsStopped) {
  const TempDirectory folder;
  const auto file_system = make_posix_file_system();
  RunRecords records(*file_system, folder.path());
  records.end({ExitCode::stopped_on_request, reason_of(ExitCode::stopped_on_request), "", 0}, {});
  EXPECT_EQ(json_of(folder / "status.json")["state"], "stopped");
  EXPECT_TRUE(json_of(folder / "status.json")["last_committed_step"].is_null());
}

TEST(RunRecords, EveryLaunchIsListed) {
  const TempDirectory folder;
  const auto file_system = make_posix_file_system();
  file_system->write_file_atomically(folder / "source.yaml", "seed: 1\n");
  for (int launch = 0; launch < 2; ++launch) {
    RunRecords records(*file_system, folder.path());
    records.start("seed: 1\n", folder / "source.yaml",
                  {.command = "lambert train x.yaml",
                   .hosts = {"a", "b"},
                   .versions = {{"libtorch", "2.11.0"}},
                   .decayed_tensors = {"cls.seq_relationship.weight"}});
    records.end({ExitCode::finished, "finished", "", 0}, {});
  }
  const nlohmann::json run = json_of(folder / "run.json");
  ASSERT_EQ(run["launches"].size(), 2U);
  EXPECT_EQ(run["launches"][1]["ranks"], 2);
  EXPECT_EQ(run["launches"][0]["reason"], "finished");
  EXPECT_EQ(run["launches"][0]["versions"]["libtorch"], "2.11.0");
  EXPECT_EQ(run["launches"][1]["decayed_tensors"].size(), 1U);
  EXPECT_EQ(read_file(folder / "config.source.yaml", 100), "seed: 1\n");
}

TEST(RunRecords, NeverThrowWhenTheDirectoryIsGone) {
  const TempDirectory folder;
  const auto file_system = make_posix_file_system();
  RunRecords records(*file_system, folder / "gone");
  records.end({}, {});
  records.record_failure({}, {});
}

}  // namespace
}  // namespace lambert
