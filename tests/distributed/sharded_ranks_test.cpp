// SPDX-License-Identifier: Apache-2.0
// communication.sharded_optimizer changes who keeps what, not a bit of what comes out.
#include <algorithm>
#include <string>
#include <vector>

#include "support/temp_directory.h"
#include "support/tiny_squad.h"
#include "support/train_run.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLast = "checkpoint-00000030";

/// 30 steps over both phases, with twelve micro-batches in a step of the second, so that 2, 3 and 4
/// ranks divide them. The feed-forward weights have two norm blocks and are cut between them.
std::vector<std::string> thirty_steps(std::vector<std::string> more) {
  std::vector<std::string> settings = {"model.vocab_size=64",
                                       "model.hidden_size=64",
                                       "model.intermediate_size=512",
                                       "communication.bucket_megabytes=0.2",
                                       "phases[0].max_steps=18",
                                       "phases[0].global_train_batch_size=24",
                                       "phases[0].per_device_train_batch_size=2",
                                       "phases[1].max_steps=12",
                                       "phases[1].moments=reset",
                                       "phases[1].global_train_batch_size=12",
                                       "phases[1].per_device_train_batch_size=1",
                                       "logging.log_lamb_table=true"};
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

std::vector<std::string> sharded(std::vector<std::string> settings) {
  settings.emplace_back("communication.sharded_optimizer=true");
  return settings;
}

class ShardedRanks : public ::testing::Test {
 protected:
  TrainRun make(const std::string& name, const std::vector<std::string>& settings) {
    return {config_, folder_ / name, settings};
  }
  /// The run `name` from the checkpoint of step 20 of another run.
  TrainRun restart(const std::string& name, const TrainRun& other,
                   const std::vector<std::string>& settings) {
    const TrainRun run = make(name, settings);
    fs::copy(other.output_dir, run.output_dir, fs::copy_options::recursive);
    fs::remove_all(run.output_dir / kLast);
    return run;
  }
  static void expect_same(const TrainRun& expected, const TrainRun& found, bool with_records) {
    for (const char* file : {"model.safetensors", "optimizer.safetensors", "train_state.json"}) {
      EXPECT_TRUE(content_of(expected.output_dir / kLast / file) ==
                  content_of(found.output_dir / kLast / file))
          << file << " differs";
    }
    if (with_records) {
      EXPECT_EQ(timeless_records(expected), timeless_records(found));
      EXPECT_EQ(content_of(expected.output_dir / "lamb.jsonl"),
                content_of(found.output_dir / "lamb.jsonl"));
    }
  }

  TempDirectory folder_;
  fs::path config_ = make_tiny_run(folder_.path());
};

TEST_F(ShardedRanks, EndWithTheCheckpointOfARunThatIsNotShardedInFp32) {
  const std::vector<std::string> settings = thirty_steps({});
  for (const int ranks : {2, 3, 4}) {
    const TrainRun whole = make("whole" + std::to_string(ranks), settings);
    const TrainRun shares = make("shares" + std::to_string(ranks), sharded(settings));
    ASSERT_EQ(whole.run(ranks), 0) << content_of(whole.log());
    ASSERT_EQ(shares.run(ranks), 0) << content_of(shares.log());
    expect_same(whole, shares, true);
  }
}

TEST_F(ShardedRanks, EndWithTheCheckpointOfARunThatIsNotShardedInBf16) {
  const std::vector<std::string> settings =
      thirty_steps({"precision=bf16", "communication.all_reduce_dtype=bfloat16",
                    "optimizer.name=adamw", "gradient_checkpointing=true"});
  const TrainRun whole = make("whole", settings);
  const TrainRun shares = make("shares", sharded(settings));
  ASSERT_EQ(whole.run(3), 0) << content_of(whole.log());
  ASSERT_EQ(shares.run(3), 0) << content_of(shares.log());
  expect_same(whole, shares, true);
}

TEST_F(ShardedRanks, GoOnFromAndToARunThatIsNotShardedWithAnotherRankCount) {
  const std::vector<std::string> settings = thirty_steps(
      {"precision=bf16", "communication.reduction=reproducible", "checkpoint.save_steps=20"});
  const TrainRun one = make("one", settings);
  ASSERT_EQ(one.run(1), 0) << content_of(one.log());
  const TrainRun four = make("four", sharded(settings));
  ASSERT_EQ(four.run(4), 0) << content_of(four.log());
  expect_same(one, four, false);
  const TrainRun three_from_one = restart("three", one, sharded(settings));
  ASSERT_EQ(three_from_one.run(3), 0) << content_of(three_from_one.log());
  expect_same(one, three_from_one, false);
  const TrainRun two_from_four = restart("two", four, settings);
  ASSERT_EQ(two_from_four.run(2), 0) << content_of(two_from_four.log());
  expect_same(one, two_from_four, false);
}

TEST_F(ShardedRanks, StartFromImportedWeightsAsAnyOtherRunDoes) {
  const std::vector<std::string> settings = thirty_steps({"precision=bf16"});
  const TrainRun source = make("source", settings);
  ASSERT_EQ(source.run(1), 0) << content_of(source.log());
  std::vector<std::string> imported = settings;
  imported.push_back("init_from=" + (source.output_dir / kLast).string());
  const TrainRun whole = make("whole", imported);
  const TrainRun shares = make("shares", sharded(imported));
  ASSERT_EQ(whole.run(2), 0) << content_of(whole.log());
  ASSERT_EQ(shares.run(2), 0) << content_of(shares.log());
  expect_same(whole, shares, true);
}

TEST_F(ShardedRanks, AreMeasuredByTheLiveGaugeAsAnyOtherRunIs) {
  std::vector<std::string> settings = thirty_steps({"precision=bf16"});
  const std::vector<std::string> gauge = tiny_gauge(folder_.path());
  settings.insert(settings.end(), gauge.begin(), gauge.end());
  const TrainRun whole = make("whole", settings);
  const TrainRun shares = make("shares", sharded(settings));
  ASSERT_EQ(whole.run(2), 0) << content_of(whole.log());
  ASSERT_EQ(shares.run(2), 0) << content_of(shares.log());
  expect_same(whole, shares, true);
  EXPECT_THAT(content_of(shares.output_dir / "metrics.jsonl"), testing::HasSubstr("squad_f1"));
}

/// Bytes of a rank as predicted, and as rank 0 took them.
struct Memory {
  double predicted = 0.0;
  double taken = 0.0;
};

Memory memory_of(const TrainRun& run, int ranks) {
  std::vector<std::string> check = {LAMBERT_PROGRAM, "check",   run.config.string(),
                                    "--json",        "--ranks", std::to_string(ranks)};
  check.insert(check.end(), run.overrides.begin(), run.overrides.end());
  const fs::path plan = run.output_dir.string() + ".plan";
  EXPECT_EQ(ChildProcess(check, plan).wait(60), 0) << content_of(plan);
  EXPECT_EQ(run.run(ranks), 0) << content_of(run.log());
  Memory memory;
  for (const nlohmann::json& phase : json_of(plan)["phases"]) {
    memory.predicted =
        std::max(memory.predicted, phase["memory_bytes_per_rank"]["total"].get<double>());
  }
  memory.taken =
      run.step_records().back()["device_memory_gib"].get<double>() * 1024.0 * 1024.0 * 1024.0;
  return memory;
}

TEST_F(ShardedRanks, TakeTheMemoryThatCheckPredicts) {
  // 19 million parameters, so that they outweigh the program.
  const std::vector<std::string> settings = {"precision=bf16",
                                             "model.hidden_size=512",
                                             "model.intermediate_size=2048",
                                             "model.num_hidden_layers=6",
                                             "evaluation.data=\"\"",
                                             "phases[0].max_steps=2",
                                             "phases[0].warmup_steps=0",
                                             "phases[1].max_steps=2",
                                             "phases[1].warmup_steps=0"};
  const Memory whole = memory_of(make("whole", settings), 4);
  const Memory shares = memory_of(make("shares", sharded(settings)), 4);
  EXPECT_NEAR(whole.taken, whole.predicted, 0.1 * whole.taken);
  EXPECT_NEAR(shares.taken, shares.predicted, 0.1 * shares.taken);
  // Three quarters of the moments and master weights, but for what the start needs.
  EXPECT_LT(shares.taken, whole.taken - 0.75 * 8.0 * 19e6);
  std::vector<std::string> feedback = sharded(settings);
  feedback.insert(feedback.end(),
                  {"communication.all_reduce_dtype=bfloat16", "communication.error_feedback=true"});
  const Memory residuals = memory_of(make("residuals", feedback), 4);
  EXPECT_NEAR(residuals.taken, residuals.predicted, 0.1 * residuals.taken);
}

}  // namespace
}  // namespace lambert
