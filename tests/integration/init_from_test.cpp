// SPDX-License-Identifier: Apache-2.0
// init_from of a pretraining run: what it starts from, and what is refused before the first step.
#include <ATen/core/Tensor.h>
#include <ATen/ops/allclose.h>

#include "checkpoint/safetensors.h"
#include "support/temp_directory.h"
#include "support/train_run.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A source run of four steps, and runs that start from it.
class InitFrom : public testing::Test {
 protected:
  void SetUp() override {
    TrainRun source = run("source");
    source.overrides = {"stop_after_steps=4"};
    ASSERT_EQ(source.run(1), 75) << content_of(source.log());
    ASSERT_TRUE(fs::exists(checkpoint()));
  }
  TrainRun run(const std::string& name) const { return {config_, folder_ / name, {}}; }
  fs::path checkpoint() const { return folder_ / "source" / "checkpoint-00000004"; }
  /// A copy of the checkpoint as a folder that others made: weights, config.json and vocabulary.
  fs::path model_folder() const {
    fs::path model = folder_ / "model";
    fs::create_directory(model);
    for (const char* file : {"model.safetensors", "config.json", "vocab.txt"}) {
      fs::copy_file(checkpoint() / file, model / file);
    }
    return model;
  }
  /// Starts from the folder with further overrides: exit code of train and of check, one log.
  void expect_refused(const fs::path& model, std::vector<std::string> overrides, int code,
                      const std::string& found) const {
    TrainRun refused = run("refused");
    refused.overrides = std::move(overrides);
    refused.overrides.push_back("init_from=" + model.string());
    EXPECT_EQ(refused.run(1), code);
    EXPECT_THAT(content_of(refused.log()), HasSubstr(found));
    EXPECT_FALSE(fs::exists(refused.output_dir / "checkpoint-00000004"));
    fs::remove_all(refused.output_dir);
    std::vector<std::string> check = refused.command(1);
    check[1] = "check";
    const fs::path log = folder_ / "check.log";
    fs::remove(log);
    EXPECT_EQ(ChildProcess(check, log).wait(60), code);
    EXPECT_THAT(content_of(log), HasSubstr(found));
  }

  const TempDirectory folder_;
  const fs::path config_ = make_tiny_run(folder_.path());
};

TEST_F(InitFrom, ANewRunStartsFromTheImportedWeights) {
  TrainRun started = run("started");
  // A rate that changes nothing: what is saved is what was imported.
  started.overrides = {"init_from=" + (folder_ / "source").string(), "stop_after_steps=1",
                       "phases[0].learning_rate=1e-30", "seed=8"};
  ASSERT_EQ(started.run(1), 75) << content_of(started.log());
  const fs::path saved = started.output_dir / "checkpoint-00000001";
  const auto expected = read_safetensors(checkpoint() / "model.safetensors");
  for (const auto& [name, tensor] : read_safetensors(saved / "model.safetensors")) {
    EXPECT_TRUE(at::allclose(tensor, expected.at(name), 0.0, 1e-20)) << name;
  }
  EXPECT_EQ(json_of(saved / "train_state.json").at("optimizer_steps"), 1);
  EXPECT_THAT(content_of(started.log()),
              HasSubstr("loaded=" + std::to_string(expected.size()) + " initialised=0 ignored=0"));
}

TEST_F(InitFrom, AResumeDoesNotImportAgain) {
  const fs::path model = model_folder();
  TrainRun whole = run("whole");
  whole.overrides = {"init_from=" + model.string(), "stop_after_steps=8"};
  ASSERT_EQ(whole.run(1), 75);
  TrainRun halves = run("halves");
  halves.overrides = {"init_from=" + model.string(), "stop_after_steps=4"};
  ASSERT_EQ(halves.run(1), 75);
  fs::remove_all(model);
  std::vector<std::string> check = halves.command(1);
  check[1] = "check";
  EXPECT_EQ(ChildProcess(check, folder_ / "check.log").wait(60), 0);
  ASSERT_EQ(halves.run(1), 75) << content_of(halves.log());
  expect_same_end(whole, halves, "checkpoint-00000008");
}

TEST_F(InitFrom, EveryRankStartsFromTheSameWeights) {
  TrainRun started = run("ranks");
  started.overrides = {"init_from=" + checkpoint().string(), "stop_after_steps=2"};
  EXPECT_EQ(started.run(2), 75) << content_of(started.log());
}

TEST_F(InitFrom, RefusesAnotherModel) {
  expect_refused(model_folder(), {"model.hidden_act=gelu_new"}, 2,
                 "hidden_act: \"gelu\" in the checkpoint, \"gelu_new\" now");
  expect_refused(folder_ / "model", {"model.num_hidden_layers=3"}, 2, "num_hidden_layers: 2");
}

TEST_F(InitFrom, RefusesAnotherVocabulary) {
  const fs::path model = model_folder();
  std::ofstream(model / "vocab.txt", std::ios::app) << "more\n";
  expect_refused(model, {}, 2, "its vocab.txt is not the one of the data");
}

TEST_F(InitFrom, RefusesAnotherCasing) {
  const fs::path model = model_folder();
  std::ofstream(model / "tokenizer_config.json") << R"({"do_lower_case": false})";
  expect_refused(model, {}, 2, "it is cased, the data is not");
}

TEST_F(InitFrom, AcceptsDropoutOfItsOwn) {
  TrainRun started = run("dropout");
  started.overrides = {"init_from=" + model_folder().string(), "stop_after_steps=1",
                       "model.hidden_dropout_prob=0.2", "model.attention_probs_dropout_prob=0"};
  EXPECT_EQ(started.run(1), 75) << content_of(started.log());
}

TEST_F(InitFrom, RefusesDamagedWeights) {
  const fs::path model = model_folder();
  fs::resize_file(model / "model.safetensors", 1000);
  expect_refused(model, {}, 3, "model.safetensors: ");
  fs::remove(model / "model.safetensors");
  expect_refused(model, {}, 3, "neither model.safetensors nor");
}

TEST_F(InitFrom, RefusesADamagedCheckpoint) {
  fs::resize_file(checkpoint() / "model.safetensors", 1000);
  expect_refused(checkpoint(), {}, 3, "model.safetensors has 1000 bytes");
}

TEST_F(InitFrom, RefusesAFolderThatIsNotThere) {
  expect_refused(folder_ / "nowhere", {}, 3, "there is no such folder");
}

}  // namespace
}  // namespace lambert
