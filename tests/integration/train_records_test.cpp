// SPDX-License-Identifier: Apache-2.0
// What a run prints and leaves in its directory.
#include <algorithm>
#include <csignal>
#include <string>

#include "support/temp_directory.h"
#include "support/train_run.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

double mean_loss(const std::vector<nlohmann::json>& steps, std::size_t first, std::size_t count) {
  double sum = 0.0;
  for (std::size_t index = first; index < first + count; ++index) {
    sum += steps.at(index)["loss"].get<double>();
  }
  return sum / static_cast<double>(count);
}

TEST(TrainRecords, LossFalls) {
  const TempDirectory folder;
  const TrainRun run{make_tiny_run(folder.path()),
                     folder / "run",
                     {"phases[0].max_steps=300", "phases[0].warmup_steps=20",
                      "phases[0].global_train_batch_size=32",
                      "phases[0].per_device_train_batch_size=32", "model.hidden_dropout_prob=0",
                      "model.attention_probs_dropout_prob=0", "evaluation.eval_steps=100"}};
  ASSERT_EQ(run.run(1), 0) << content_of(run.log());
  const std::vector<nlohmann::json> steps = run.step_records();
  ASSERT_EQ(steps.size(), 316U);
  EXPECT_LT(mean_loss(steps, 280, 20), mean_loss(steps, 0, 20) - 0.5);
  const std::vector<nlohmann::json> all = run.records();
  EXPECT_LT(all.back()["eval_mlm_loss"].get<double>(), 4.0);  // ln 64 = 4.16 knows nothing
}

TEST(TrainRecords, EveryStepHasARecordAndEveryPhaseEndsWithAnEvaluation) {
  const TempDirectory folder;
  const TrainRun run{make_tiny_run(folder.path()), folder / "run", {}};
  ASSERT_EQ(run.run(2), 0) << content_of(run.log());
  const std::vector<nlohmann::json> steps = run.step_records();
  ASSERT_EQ(steps.size(), 40U);
  for (std::size_t index = 0; index < steps.size(); ++index) {
    EXPECT_EQ(steps[index]["global_step"], index + 1);
    EXPECT_EQ(steps[index]["phase"], index < 24 ? "short" : "long");
    EXPECT_EQ(steps[index]["step_in_phase"], index < 24 ? index + 1 : index - 23);
  }
  std::vector<std::int64_t> evaluated;
  for (const nlohmann::json& record : run.records()) {
    if (record.contains("eval_loss")) {
      evaluated.push_back(record["global_step"]);
    }
  }
  EXPECT_EQ(evaluated, (std::vector<std::int64_t>{10, 20, 24, 30, 40}));
  for (const char* file :
       {"config.yaml", "config.source.yaml", "run.json", "train.log", "status.json", "latest"}) {
    EXPECT_TRUE(fs::exists(run.output_dir / file)) << file;
  }
  EXPECT_FALSE(fs::exists(run.output_dir / "failure.json"));
  EXPECT_THAT(content_of(run.log()),
              testing::HasSubstr("run ended code=0 reason=finished step=40 last_checkpoint=40"));
}

double logged_value(const std::string& log, const std::string& line, const std::string& key) {
  const std::size_t begin = log.find(line);
  const std::size_t position = log.find(" " + key + "=", begin);
  EXPECT_TRUE(begin != std::string::npos && position != std::string::npos) << line << " " << key;
  return position == std::string::npos ? -1.0 : std::stod(log.substr(position + key.size() + 2));
}

TEST(TrainRecords, AfterTwentyStepsTheLogHoldsThePredictedStepAgainstTheMeasuredOne) {
  const TempDirectory folder;
  const TrainRun run{make_tiny_run(folder.path()), folder / "run", {}};
  ASSERT_EQ(run.run(2), 0) << content_of(run.log());
  const std::string log = content_of(run.log());
  const std::string line = "prediction steps=20 ";
  EXPECT_EQ(log.find(line), log.rfind(line)) << "said more than once:\n" << log;
  std::vector<double> seconds;
  for (const nlohmann::json& record : run.step_records()) {
    seconds.push_back(record["step_seconds"]);
  }
  seconds.resize(20);
  std::sort(seconds.begin(), seconds.end());
  const double median = 0.5 * (seconds[9] + seconds[10]);
  const double measured = logged_value(log, line, "measured_step_seconds");
  const double predicted = logged_value(log, line, "predicted_step_seconds");
  EXPECT_NEAR(measured, median, 1e-3 * median);
  EXPECT_GT(predicted, 0.0);
  EXPECT_NEAR(logged_value(log, line, "measured_over_predicted"), measured / predicted,
              0.01 * measured / predicted);
  for (const char* part : {"products", "memory", "exposed_reduce", "optimizer"}) {
    EXPECT_GT(logged_value(log, line, part), 0.0) << part;  // two ranks reduce
  }
}

TEST(TrainRecords, TensorBoardReadsTheCurvesAlsoAcrossAResume) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  const TrainRun run{
      config, folder / "run", {"logging.logging_steps=1", "logging.log_lamb_table=true"}};
  ASSERT_EQ(run.run(1), 0) << content_of(run.log());
  fs::remove_all(run.output_dir / "checkpoint-00000040");
  ASSERT_EQ(run.run(1), 0) << content_of(run.log());  // again from step 30
  const fs::path dump = folder / "curves.json";
  ChildProcess reader(
      {LAMBERT_TEST_PYTHON, LAMBERT_SOURCE_DIRECTORY "/tests/integration/read_events.py",
       (run.output_dir / "runs").string(), dump.string()},
      folder / "reader.log");
  ASSERT_EQ(reader.wait(120), 0) << reader.output();
  const nlohmann::json curves = json_of(dump);
  const std::vector<nlohmann::json> steps = run.step_records();
  ASSERT_EQ(curves["train/loss"].size(), steps.size());
  for (std::size_t index = 0; index < steps.size(); ++index) {
    EXPECT_EQ(curves["train/loss"][index][0], index + 1);
    EXPECT_NEAR(curves["train/loss"][index][1].get<double>(), steps[index]["loss"].get<double>(),
                1e-5);
  }
  EXPECT_EQ(curves["eval/eval_mlm_loss"].size(), 5U);
  const nlohmann::json& ratios = curves["lamb/trust_ratio"];
  ASSERT_EQ(ratios.size(), steps.size());
  EXPECT_EQ(ratios.back()[1]["count"], ratios.back()[1]["in_buckets"]);
  EXPECT_GT(ratios.back()[1]["minimum"], 0.0);
}

nlohmann::json inspect_lamb(const TrainRun& run, const fs::path& output,
                            const std::vector<std::string>& options) {
  std::vector<std::string> command = {LAMBERT_PROGRAM, "inspect", "lamb", run.output_dir.string(),
                                      "--json"};
  command.insert(command.end(), options.begin(), options.end());
  ChildProcess inspect(command, output);
  EXPECT_EQ(inspect.wait(30), 0) << inspect.output();
  return json_of(output);
}

TEST(TrainRecords, TheLambTableCountsClampHitsAlsoAcrossAResume) {
  const TempDirectory folder;
  const TrainRun run{make_tiny_run(folder.path()),
                     folder / "run",
                     {"logging.log_lamb_table=true", "optimizer.trust_ratio_max=0.001"}};
  ASSERT_EQ(run.run(2), 0) << content_of(run.log());
  const std::string uninterrupted = content_of(run.output_dir / "lamb.jsonl");
  fs::remove_all(run.output_dir / "checkpoint-00000040");
  ASSERT_EQ(run.run(2), 0) << content_of(run.log());  // again from step 30, a logging step
  EXPECT_EQ(uninterrupted, content_of(run.output_dir / "lamb.jsonl"));

  const nlohmann::json last = inspect_lamb(run, folder / "last.json", {});
  EXPECT_EQ(last["global_step"], 40);
  EXPECT_EQ(last["steps"], 40);
  const nlohmann::json& embedding = last["tensors"][0];
  EXPECT_EQ(embedding["name"], "bert.embeddings.word_embeddings.weight");
  EXPECT_EQ(embedding["clamp_hits"], 40);
  EXPECT_EQ(embedding["trust_ratio"], 0.001);
  EXPECT_GT(embedding["weight_norm"].get<double>() / embedding["update_norm"].get<double>(), 0.001);
  for (const nlohmann::json& tensor : last["tensors"]) {
    if (tensor["name"].get<std::string>().ends_with("bias")) {
      EXPECT_FALSE(tensor["adapted"].get<bool>()) << tensor;
      EXPECT_EQ(tensor["clamp_hits"], 0) << tensor;
    }
  }
  EXPECT_EQ(inspect_lamb(run, folder / "middle.json", {"--step", "17"})["global_step"], 15);
  std::ofstream(run.output_dir / "lamb.jsonl", std::ios::app) << "{\"global_step\": 45, \"ste";
  EXPECT_EQ(inspect_lamb(run, folder / "torn.json", {})["global_step"], 40);
}

TEST(TrainRecords, GradientNoiseStandsInTheRecordsOfLoggingSteps) {
  const TempDirectory folder;
  const TrainRun run{make_tiny_run(folder.path()), folder / "run", {}};
  ASSERT_EQ(run.run(2), 0) << content_of(run.log());
  for (const nlohmann::json& record : run.step_records()) {
    const bool is_logged = record["global_step"].get<int>() % 5 == 0;
    ASSERT_EQ(record.contains("gradient_noise_scale"), is_logged) << record;
    if (is_logged) {
      // |g|^2 of the big batch lies between the signal and the small batches' mean.
      const double norm = record["gradient_norm"];
      const double sequences = record["phase"] == "short" ? 16.0 : 8.0;
      EXPECT_NEAR(record["squared_gradient"].get<double>() +
                      record["gradient_covariance_trace"].get<double>() / sequences,
                  norm * norm, 1e-6 * norm * norm);
    }
  }
}

TEST(TrainRecords, ASecondRunOnTheSameDirectoryEndsWith9AndNamesTheHolder) {
  const TempDirectory folder;
  // Long enough to outlive the start of the second run on any machine; the signal ends it.
  const TrainRun run{make_tiny_run(folder.path()), folder / "run", {"phases[0].max_steps=1000000"}};
  ChildProcess first(run.command(1), run.log());
  wait_for_steps(first, run, 2);
  ChildProcess second(run.command(2), folder / "second.log");
  EXPECT_EQ(second.wait(30), 9) << second.output();
  EXPECT_THAT(second.output(), testing::HasSubstr("process " + std::to_string(first.pid())));
  EXPECT_EQ(json_of(run.output_dir / "status.json")["state"], "running");
  EXPECT_FALSE(fs::exists(run.output_dir / "failure.json"));
  first.send(SIGUSR1);
  EXPECT_EQ(first.wait(30), 75) << first.output();
}

TEST(TrainRecords, ADivergedRunEndsWith5AndSavesNothingBad) {
  const TempDirectory folder;
  const TrainRun run{make_tiny_run(folder.path()),
                     folder / "run",
                     {"phases[0].learning_rate=1e30", "checkpoint.save_steps=1"}};
  EXPECT_EQ(run.run(2), 5) << content_of(run.log());
  const nlohmann::json failure = json_of(run.output_dir / "failure.json");
  EXPECT_EQ(failure["reason"], "diverged");
  EXPECT_THAT(failure["what"].get<std::string>(), testing::HasSubstr("not finite"));
  EXPECT_THAT(content_of(run.log()), testing::HasSubstr("run ended code=5 reason=diverged"));
}

TEST(TrainRecords, EvalPrintsTheFiguresOfTheLastEvaluation) {
  const TempDirectory folder;
  const TrainRun run{make_tiny_run(folder.path()), folder / "run", {}};
  ASSERT_EQ(run.run(1), 0) << content_of(run.log());
  ChildProcess eval({LAMBERT_PROGRAM, "eval", run.config.string(),
                     "output_dir=" + run.output_dir.string(), "--json"},
                    folder / "eval.json");
  ASSERT_EQ(eval.wait(60), 0) << eval.output();
  const nlohmann::json printed = json_of(folder / "eval.json");
  const nlohmann::json recorded = run.records().back();
  for (const char* key :
       {"eval_loss", "eval_mlm_loss", "eval_mlm_accuracy", "eval_nsp_loss", "eval_nsp_accuracy"}) {
    EXPECT_EQ(printed[key], recorded[key]) << key;
  }
}

}  // namespace
}  // namespace lambert
