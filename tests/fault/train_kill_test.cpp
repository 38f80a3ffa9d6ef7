// SPDX-License-Identifier: Apache-2.0
// Real signals to real ranks.
#include <csignal>
#include <iostream>
#include <random>
#include <string>

#include "support/temp_directory.h"
#include "support/train_run.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLastCheckpoint = "checkpoint-00000040";
constexpr int kKills = 20;

std::vector<std::string> with(std::vector<std::string> overrides, const std::string& one_more) {
  overrides.push_back(one_more);
  return overrides;
}

/// Ranks of a launched run, once all of them have started.
std::vector<int> wait_for_ranks(ChildProcess& process, std::size_t ranks) {
  std::vector<int> pids;
  while (!process.ended() && pids.size() < ranks) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    pids = process.children();
  }
  return pids;
}

double seconds_in_steps(const TrainRun& run) {
  double seconds = 0.0;
  for (const nlohmann::json& record : run.step_records()) {
    seconds += record["step_seconds"].get<double>();
  }
  return seconds;
}

// Start-up takes longer than many steps, so kills timed from the launch alone would hardly ever hit
// a step or a save: every second kill waits for a new step first, with a save every third step.
TEST(TrainKill, TwentyKillsInARowEndInTheSameState) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  std::vector<std::string> overrides = slow_steps();
  overrides.insert(overrides.end(), {"checkpoint.save_steps=3", "checkpoint.save_total_limit=3",
                                     "phases[0].max_steps=360", "phases[1].max_steps=240"});
  const TrainRun golden{config, folder / "golden", overrides};
  ASSERT_EQ(golden.run(2), 0) << content_of(golden.log());

  const auto seed = std::random_device()();
  std::cout << "seed " << seed << std::endl;  // a failure can be replayed
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> after_launch(0.0, 1.5);
  // Ten of these are less than the whole: the chain does not finish before its last kill.
  std::uniform_real_distribution<double> after_step(0.0, seconds_in_steps(golden) / 15.0);
  std::uniform_int_distribution<std::size_t> which(0, 1);
  const TrainRun killed{config, folder / "killed", overrides};
  for (int kill = 0; kill < kKills; ++kill) {
    const bool in_training = kill % 2 == 1;
    const std::size_t steps_before = killed.finished_steps();
    ChildProcess process(killed.command(2), killed.log());
    const std::vector<int> ranks = wait_for_ranks(process, 2);
    if (in_training) {
      wait_for_steps(process, killed, steps_before + 1);
    }
    std::this_thread::sleep_for(
        std::chrono::duration<double>(in_training ? after_step(random) : after_launch(random)));
    ASSERT_EQ(ranks.size(), 2U) << process.output();
    ::kill(ranks[which(random)], SIGKILL);
    ASSERT_EQ(process.wait(60), 137) << "kill " << kill << "\n" << process.output();
    std::cout << "kill " << kill << " after step " << killed.finished_steps() << std::endl;
    ASSERT_TRUE(!in_training || killed.finished_steps() > steps_before);
  }
  ASSERT_EQ(killed.run(2), 0) << content_of(killed.log());
  expect_same_end(golden, killed, "checkpoint-00000600");
}

TEST(TrainKill, AFrozenRankEndsTheRunWith6AndIsNamed) {
  const TempDirectory folder;
  const TrainRun run{make_tiny_run(folder.path()), folder / "run",
                     with(slow_steps(), "communication.timeout_seconds=3")};
  ChildProcess process(run.command(2), run.log());
  const std::vector<int> ranks = wait_for_ranks(process, 2);
  wait_for_steps(process, run, 3);
  ASSERT_EQ(ranks.size(), 2U) << process.output();
  ::kill(ranks[1], SIGSTOP);
  EXPECT_EQ(process.wait(3 + 10), 6) << process.output();
  EXPECT_THAT(process.output(), testing::HasSubstr("rank 1"));
  const nlohmann::json failure = json_of(run.output_dir / "failure.json");
  EXPECT_EQ(failure["rank"], 0);
  EXPECT_EQ(failure["code"], 6);
  EXPECT_THAT(failure["what"].get<std::string>(), testing::HasSubstr("rank 1"));
  EXPECT_EQ(json_of(run.output_dir / "status.json")["state"], "failed");
}

TEST(TrainKill, ARankFrozenForLessThanTheDeadlineCostsNothing) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  const TrainRun golden{config, folder / "golden", slow_steps()};
  ASSERT_EQ(golden.run(2), 0) << content_of(golden.log());
  const TrainRun paused{config, folder / "paused", slow_steps()};
  ChildProcess process(paused.command(2), paused.log());
  const std::vector<int> ranks = wait_for_ranks(process, 2);
  wait_for_steps(process, paused, 3);
  ASSERT_EQ(ranks.size(), 2U) << process.output();
  ::kill(ranks[0], SIGSTOP);
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  ::kill(ranks[0], SIGCONT);
  ASSERT_EQ(process.wait(60), 0) << process.output();
  expect_same_end(golden, paused, kLastCheckpoint);
}

}  // namespace
}  // namespace lambert
