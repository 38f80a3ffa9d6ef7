// SPDX-License-Identifier: Apache-2.0
// The live gauge measures a pretraining run and changes nothing in it.
#include <csignal>
#include <string>

#include "support/temp_directory.h"
#include "support/tiny_squad.h"
#include "support/train_run.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLastCheckpoint = "checkpoint-00000040";
const std::vector<std::int64_t> kMeasuredSteps = {8, 16, 24, 32, 40};

std::vector<std::string> with(std::vector<std::string> overrides,
                              const std::vector<std::string>& more) {
  overrides.insert(overrides.end(), more.begin(), more.end());
  return overrides;
}

bool is_of_gauge(const nlohmann::json& record) {
  return record.contains("squad_f1");
}

std::vector<nlohmann::json> gauge_records(const TrainRun& run) {
  std::vector<nlohmann::json> found;
  for (const nlohmann::json& record : timeless_records(run)) {
    if (is_of_gauge(record)) {
      found.push_back(record);
    }
  }
  return found;
}

std::vector<nlohmann::json> records_of_the_run(const TrainRun& run) {
  std::vector<nlohmann::json> found = timeless_records(run);
  std::erase_if(found, is_of_gauge);
  return found;
}

std::vector<std::int64_t> measured_steps(const TrainRun& run) {
  std::vector<std::int64_t> steps;
  for (const nlohmann::json& record : gauge_records(run)) {
    steps.push_back(record["global_step"]);
  }
  return steps;
}

/// Every checkpoint and every record but the gauge's, bit for bit.
void expect_same_pretraining(const TrainRun& expected, const TrainRun& found) {
  for (const char* checkpoint :
       {"checkpoint-00000010", "checkpoint-00000020", "checkpoint-00000030", kLastCheckpoint}) {
    for (const char* file : {"model.safetensors", "optimizer.safetensors", "train_state.json"}) {
      EXPECT_TRUE(content_of(expected.output_dir / checkpoint / file) ==
                  content_of(found.output_dir / checkpoint / file))
          << checkpoint << "/" << file << " differs";
    }
  }
  EXPECT_EQ(records_of_the_run(expected), records_of_the_run(found));
}

TEST(SquadGauge, LeavesTheRunEqualBitForBitOnOneAndTwoRanksInFp32AndBf16) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  for (const int ranks : {1, 2}) {
    for (const std::string precision : {"fp32", "bf16"}) {
      const std::string name = precision + "-" + std::to_string(ranks);
      SCOPED_TRACE(name);
      const TrainRun off{config, folder / ("off-" + name), {"precision=" + precision}};
      const TrainRun on{config, folder / ("on-" + name),
                        with(tiny_gauge(folder.path()), off.overrides)};
      ASSERT_EQ(off.run(ranks), 0) << content_of(off.log());
      ASSERT_EQ(on.run(ranks), 0) << content_of(on.log());
      expect_same_pretraining(off, on);
      EXPECT_EQ(measured_steps(on), kMeasuredSteps);
      EXPECT_TRUE(gauge_records(off).empty());
    }
  }
}

TEST(SquadGauge, RepeatsItsFiguresAlsoAcrossAResumeAtItsOwnStep) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  const std::vector<std::string> overrides =
      with(tiny_gauge(folder.path()), {"checkpoint.save_steps=8"});
  const TrainRun golden{config, folder / "golden", overrides};
  ASSERT_EQ(golden.run(2), 0) << content_of(golden.log());
  for (const int step : {8, 24}) {  // 24: exactly the switch of phases
    SCOPED_TRACE("resumed after step " + std::to_string(step));
    const TrainRun resumed{config, folder / ("from" + std::to_string(step)), overrides};
    fs::copy(golden.output_dir, resumed.output_dir, fs::copy_options::recursive);
    for (int later = step + 8; later <= 40; later += 8) {
      fs::remove_all(resumed.output_dir / ("checkpoint-000000" + std::to_string(later)));
    }
    ASSERT_EQ(resumed.run(2), 0) << content_of(resumed.log());
    EXPECT_EQ(measured_steps(resumed), kMeasuredSteps);
    expect_same_end(golden, resumed, kLastCheckpoint);
  }
}

TEST(SquadGauge, LearnsFromTheTrainingQuestions) {
  const TempDirectory folder;
  const TrainRun run{make_tiny_run(folder.path()), folder / "run",
                     with(tiny_gauge(folder.path()),
                          {"evaluation.squad.num_train_epochs=40", "evaluation.squad.subset=0",
                           "model.hidden_dropout_prob=0", "model.attention_probs_dropout_prob=0"})};
  ASSERT_EQ(run.run(2), 0) << content_of(run.log());
  const nlohmann::json last = gauge_records(run).back();
  EXPECT_LT(last["squad_loss"].get<double>(), 2.0);  // ln 18 = 2.9 knows nothing
  EXPECT_GE(last["squad_f1"].get<double>(), last["squad_exact_match"].get<double>());
}

/// Waits until a measurement has begun, and into it.
void wait_for_measurement(ChildProcess& process) {
  while (!process.ended() && process.output().find("squad gauge started") == std::string::npos) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
}

/// Sends USR1 into the measurement after step 8 and expects that it ends there, unrecorded.
void stop_while_measuring(const TrainRun& run, int ranks) {
  ChildProcess process(run.command(ranks), run.log());
  wait_for_measurement(process);
  process.send(SIGUSR1);
  ASSERT_EQ(process.wait(20), 75) << process.output();
  EXPECT_EQ(run.finished_steps(), 8U);
  EXPECT_TRUE(gauge_records(run).empty());
  EXPECT_EQ(json_of(run.output_dir / "status.json")["last_committed_step"], 8);
}

TEST(SquadGauge, AStopEndsItEarlyAndTheNextLaunchMakesUpForIt) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  const TrainRun golden{config, folder / "golden", tiny_gauge(folder.path())};
  ASSERT_EQ(golden.run(2), 0) << content_of(golden.log());
  TrainRun stopped{config, folder / "stopped",
                   with(golden.overrides, {"evaluation.squad.num_train_epochs=10000"})};
  stop_while_measuring(stopped, 2);
  stop_while_measuring(stopped, 2);  // in what the second launch makes up for
  stopped.overrides = golden.overrides;
  ASSERT_EQ(stopped.run(2), 0) << content_of(stopped.log());
  expect_same_end(golden, stopped, kLastCheckpoint);
}

TEST(SquadGauge, AStopWhileItAnswersEndsItToo) {
  const TempDirectory folder;
  const std::string dev = make_tiny_squad(folder / "many.json", 20000, 3).string();
  const TrainRun run{
      make_tiny_run(folder.path()), folder / "run",
      with(tiny_gauge(folder.path()),
           {"evaluation.squad.dev=" + dev, "evaluation.squad.subset=0",
            "evaluation.squad.num_train_epochs=0.01", "evaluation.per_device_eval_batch_size=1"})};
  stop_while_measuring(run, 1);
}

TEST(SquadGauge, AFailureWhileItMeasuresIsRecordedAsItsOwn) {
  const TempDirectory folder;
  const TrainRun run{make_tiny_run(folder.path()), folder / "run",
                     with(tiny_gauge(folder.path()), {"evaluation.squad.num_train_epochs=10000",
                                                      "communication.timeout_seconds=2"})};
  ChildProcess process(run.command(2), run.log());
  wait_for_measurement(process);
  const std::vector<int> ranks = process.children();
  ASSERT_EQ(ranks.size(), 2U) << process.output();
  ::kill(ranks[1], SIGSTOP);
  EXPECT_EQ(process.wait(30), 6) << process.output();
  EXPECT_EQ(json_of(run.output_dir / "failure.json")["phase"], "squad gauge");
}

TEST(SquadGauge, AFineTuningThatDivergesDoesNotEndTheRun) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  const TrainRun off{config, folder / "off", {}};
  const TrainRun on{config, folder / "on",
                    with(tiny_gauge(folder.path()), {"evaluation.squad.learning_rate=1e30"})};
  ASSERT_EQ(off.run(1), 0) << content_of(off.log());
  ASSERT_EQ(on.run(1), 0) << content_of(on.log());
  expect_same_pretraining(off, on);
  ASSERT_EQ(measured_steps(on), kMeasuredSteps);
  EXPECT_EQ(gauge_records(on).front()["squad_f1"], "nan");
  EXPECT_THAT(content_of(on.log()), testing::HasSubstr("squad gauge: the gradient of step"));
}

TEST(SquadGauge, TensorBoardAndThePictureShowIt) {
  const TempDirectory folder;
  const TrainRun run{make_tiny_run(folder.path()), folder / "run", tiny_gauge(folder.path())};
  ASSERT_EQ(run.run(1), 0) << content_of(run.log());
  const std::string source = LAMBERT_SOURCE_DIRECTORY;
  ChildProcess reader({LAMBERT_TEST_PYTHON, source + "/tests/integration/read_events.py",
                       (run.output_dir / "runs").string(), (folder / "curves.json").string()},
                      folder / "reader.log");
  ASSERT_EQ(reader.wait(120), 0) << reader.output();
  const nlohmann::json f1 = json_of(folder / "curves.json")["eval/squad_f1"];
  const std::vector<nlohmann::json> records = gauge_records(run);
  ASSERT_EQ(f1.size(), records.size());
  for (std::size_t index = 0; index < records.size(); ++index) {
    EXPECT_EQ(f1[index][0], records[index]["global_step"]);
    EXPECT_NEAR(f1[index][1].get<double>(), records[index]["squad_f1"].get<double>(), 1e-4);
  }
  ChildProcess plot({LAMBERT_TEST_PYTHON, source + "/scripts/plot_metrics.py",
                     (run.output_dir / "metrics.jsonl").string(), (folder / "curve.png").string()},
                    folder / "plot.log");
  ASSERT_EQ(plot.wait(120), 0) << plot.output();
  EXPECT_GT(fs::file_size(folder / "curve.png"), 10000U);
}

/// `lambert check` and `lambert train` end with this code and message, and leave no run directory.
void expect_refused(const fs::path& config, const TempDirectory& folder,
                    const std::vector<std::string>& overrides, int code,
                    const std::string& message) {
  for (const char* command : {"check", "train"}) {
    SCOPED_TRACE(std::string(command) + ": " + message);
    ChildProcess process(with({LAMBERT_PROGRAM, command, config.string()}, overrides),
                         folder / "refused.log");
    EXPECT_EQ(process.wait(60), code) << process.output();
    EXPECT_THAT(process.output(), testing::HasSubstr(message));
    EXPECT_FALSE(fs::exists(folder / "run"));
  }
}

TEST(SquadGauge, FilesThatCannotBeUsedAreRefusedBeforeTheRunStarts) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  const std::vector<std::string> gauge = tiny_gauge(folder.path());
  const auto expect_refused_dev = [&](const std::string& content, const std::string& message) {
    std::ofstream(folder / "bad.json") << content;
    expect_refused(config, folder,
                   with(gauge, {"evaluation.squad.dev=" + (folder / "bad.json").string()}), 3,
                   message);
  };
  expect_refused(config, folder, with(gauge, {"evaluation.squad.train=nowhere.json"}), 3,
                 "nowhere.json: there is no such file");
  expect_refused_dev("{\"data\": [", "bad.json");
  expect_refused_dev(R"({"data": [{"paragraphs": [{"context": "word5", "qas": [
      {"id": "q1", "question": "word6", "is_impossible": true, "answers": []}]}]}]})",
                     "question 'q1' is impossible");
  expect_refused(config, folder, with(gauge, {"evaluation.squad.dev=''"}), 2,
                 "evaluation.squad.dev: is empty");
}

TEST(SquadGauge, CheckPrintsItsMeasurementsAndItsMemory) {
  const TempDirectory folder;
  ChildProcess check(with({LAMBERT_PROGRAM, "check", make_tiny_run(folder.path()).string()},
                          tiny_gauge(folder.path())),
                     folder / "check.log");
  ASSERT_EQ(check.wait(60), 0) << check.output();
  EXPECT_THAT(check.output(),
              testing::AllOf(testing::HasSubstr("measured    5 times, every 8 steps"),
                             testing::HasSubstr("questions   up to 24 of each file"),
                             testing::HasSubstr("per rank while it measures")));
}

}  // namespace
}  // namespace lambert
