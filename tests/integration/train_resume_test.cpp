// SPDX-License-Identifier: Apache-2.0
// A resumed run equals an uninterrupted one bit for bit.
#include <csignal>
#include <string>
#include <vector>

#include "support/temp_directory.h"
#include "support/train_run.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLastCheckpoint = "checkpoint-00000040";

/// Leaves a copy of the finished run as if it had been killed right after the checkpoint of this
/// step.
void copy_until_step(const fs::path& from, const fs::path& to, int step) {
  fs::copy(from, to, fs::copy_options::recursive);
  for (int later = step + 1; later <= 40; ++later) {
    fs::remove_all(
        to / ("checkpoint-000000" + std::string(later < 10 ? "0" : "") + std::to_string(later)));
  }
}

/// Runs that go on after these steps of the finished run, on two ranks, end as it did.
void expect_same_end_from(const TrainRun& golden, const std::vector<int>& steps) {
  for (const int step : steps) {
    SCOPED_TRACE("resumed after step " + std::to_string(step));
    const fs::path folder = golden.output_dir.parent_path() / ("from" + std::to_string(step));
    const TrainRun resumed{golden.config, folder, golden.overrides};
    copy_until_step(golden.output_dir, resumed.output_dir, step);
    ASSERT_EQ(resumed.run(2), 0) << content_of(resumed.log());
    expect_same_end(golden, resumed, kLastCheckpoint);
  }
}

TEST(TrainResume, FromAnyStepEqualsTheUninterruptedRun) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  const TrainRun golden{config, folder / "golden", {"checkpoint.save_steps=1"}};
  ASSERT_EQ(golden.run(2), 0) << content_of(golden.log());
  ASSERT_EQ(golden.step_records().size(), 40U);
  expect_same_end_from(golden, {1, 13, 23, 24, 25, 39});  // 24: exactly the switch of phases
}

TEST(TrainResume, AtTheSwitchResetsTheMomentsOnceWhenThePhaseSaysSo) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  const std::vector<std::string> overrides = {"checkpoint.save_steps=1", "phases[1].moments=reset",
                                              "precision=bf16"};
  const TrainRun golden{config, folder / "golden", overrides};
  ASSERT_EQ(golden.run(2), 0) << content_of(golden.log());
  EXPECT_EQ(json_of(golden.output_dir / kLastCheckpoint / "train_state.json")["optimizer_steps"],
            16);
  expect_same_end_from(golden, {24, 30});
}

/// The scale begins far too large, and grows often enough to overflow again and again.
TEST(TrainResume, InFp16GoesOnWithTheLossScaleOfTheCheckpoint) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  const std::vector<std::string> overrides = {"checkpoint.save_steps=1", "precision=fp16",
                                              "loss_scale.init_scale=16777216",
                                              "loss_scale.growth_interval=3"};
  const TrainRun golden{config, folder / "golden", overrides};
  ASSERT_EQ(golden.run(2), 0) << content_of(golden.log());
  const std::vector<nlohmann::json> steps = golden.step_records();
  ASSERT_EQ(steps.size(), 40U);
  EXPECT_GT(steps[0]["overflow_retries"], 2);
  int later_retries = 0;
  for (std::size_t step = 10; step < steps.size(); ++step) {
    later_retries += steps[step]["overflow_retries"].get<int>();
  }
  EXPECT_GT(later_retries, 0);
  EXPECT_LT(steps.back()["loss"], steps.front()["loss"]);
  EXPECT_EQ(steps.back()["skipped_steps"], 0);
  const nlohmann::json state = json_of(golden.output_dir / kLastCheckpoint / "train_state.json");
  EXPECT_EQ(state["optimizer_steps"], 40) << "repetitions are not counted";
  EXPECT_GT(state["loss_scale"], 1.0);
  expect_same_end_from(golden, {1, 24});
}

TEST(TrainResume, InFp16TakesACheckpointWithoutLossScale) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  const TrainRun first{config, folder / "run", {"precision=bf16", "stop_after_steps=10"}};
  ASSERT_EQ(first.run(1), 75) << content_of(first.log());
  const TrainRun second{config, folder / "run", {"precision=fp16", "loss_scale.init_scale=512"}};
  ASSERT_EQ(second.run(1), 0) << content_of(second.log());
  EXPECT_EQ(second.step_records()[9]["loss_scale"], 1.0);
  EXPECT_EQ(second.step_records()[10]["loss_scale"], 512.0);
}

TEST(TrainResume, AfterUsr1EndsWith75AndLosesNoStep) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  const TrainRun golden{config, folder / "golden", slow_steps()};
  ASSERT_EQ(golden.run(2), 0) << content_of(golden.log());
  const TrainRun stopped{config, folder / "stopped", slow_steps()};
  for (const std::size_t step : {3U, 28U}) {  // 28: in the second phase
    ChildProcess process(stopped.command(2), stopped.log());
    wait_for_steps(process, stopped, step);
    process.send(SIGUSR1);
    ASSERT_EQ(process.wait(60), 75) << process.output();
    const nlohmann::json status = json_of(stopped.output_dir / "status.json");
    EXPECT_EQ(status["state"], "stopped");
    EXPECT_EQ(status["code"], 75);
    EXPECT_EQ(status["last_committed_step"], status["step"]);
    EXPECT_EQ(status["step"], stopped.finished_steps());
    EXPECT_GE(stopped.finished_steps(), step);
    EXPECT_THAT(process.output(),
                testing::HasSubstr("run ended code=75 reason=stopped_on_request"));
  }
  ASSERT_EQ(stopped.run(2), 0) << content_of(stopped.log());
  expect_same_end(golden, stopped, kLastCheckpoint);
}

TEST(TrainResume, Usr2SavesAndGoesOn) {
  const TempDirectory folder;
  std::vector<std::string> overrides = slow_steps();
  overrides.emplace_back("checkpoint.save_steps=0");
  const TrainRun run{make_tiny_run(folder.path()), folder / "run", overrides};
  ChildProcess process(run.command(2), run.log());
  wait_for_steps(process, run, 3);
  process.send(SIGUSR2);
  ASSERT_EQ(process.wait(60), 0) << process.output();
  std::size_t checkpoints = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(run.output_dir)) {
    checkpoints += entry.path().filename().string().starts_with("checkpoint-") ? 1 : 0;
  }
  EXPECT_EQ(checkpoints, 2U);  // the asked one and the last
}

TEST(TrainResume, OfAFinishedRunDoesNothingAndSucceeds) {
  const TempDirectory folder;
  const TrainRun run{make_tiny_run(folder.path()), folder / "run", {}};
  ASSERT_EQ(run.run(1), 0) << content_of(run.log());
  const std::string records = content_of(run.output_dir / "metrics.jsonl");
  const std::string weights = content_of(run.output_dir / kLastCheckpoint / "model.safetensors");
  ASSERT_EQ(run.run(1), 0) << content_of(run.log());
  EXPECT_EQ(records, content_of(run.output_dir / "metrics.jsonl"));
  EXPECT_EQ(weights, content_of(run.output_dir / kLastCheckpoint / "model.safetensors"));
  EXPECT_EQ(json_of(run.output_dir / "status.json")["state"], "finished");
}

TEST(TrainResume, RefusesACheckpointOfAnotherModel) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  const TrainRun run{config, folder / "run", {"phases[1].max_steps=4"}};
  ASSERT_EQ(run.run(1), 0) << content_of(run.log());
  const std::string records = content_of(run.output_dir / "metrics.jsonl");
  const TrainRun other{
      config, folder / "run", {"phases[1].max_steps=4", "model.intermediate_size=48"}};
  EXPECT_EQ(other.run(1), 4);
  EXPECT_THAT(content_of(other.log()), testing::HasSubstr("intermediate_size"));
  EXPECT_EQ(records, content_of(run.output_dir / "metrics.jsonl"));
  EXPECT_EQ(json_of(run.output_dir / "failure.json")["reason"], "checkpoint_error");
  const nlohmann::json status = json_of(run.output_dir / "status.json");
  EXPECT_EQ(status["state"], "failed");
  EXPECT_EQ(status["last_committed_step"], 28);
  const nlohmann::json launches = json_of(run.output_dir / "run.json")["launches"];
  ASSERT_EQ(launches.size(), 1U);
  EXPECT_EQ(launches[0]["code"], 0) << "the finished launch stays as it was";
}

}  // namespace
}  // namespace lambert
