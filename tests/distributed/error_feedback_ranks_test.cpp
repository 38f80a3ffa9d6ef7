// SPDX-License-Identifier: Apache-2.0
// communication.error_feedback: its state belongs to a rank, and to the checkpoint.
#include <string>
#include <vector>

#include "support/temp_directory.h"
#include "support/train_run.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMiddle = "checkpoint-00000020";
constexpr const char* kLast = "checkpoint-00000030";
constexpr const char* kResiduals = "residuals.safetensors";

std::vector<std::string> thirty_steps(const std::vector<std::string>& more) {
  std::vector<std::string> settings = {"communication.all_reduce_dtype=bfloat16",
                                       "phases[0].max_steps=18",
                                       "phases[0].global_train_batch_size=12",
                                       "phases[0].per_device_train_batch_size=2",
                                       "phases[1].max_steps=12",
                                       "phases[1].global_train_batch_size=12",
                                       "phases[1].per_device_train_batch_size=1"};
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

std::vector<std::string> with_feedback(const std::vector<std::string>& more) {
  std::vector<std::string> settings = thirty_steps(more);
  settings.emplace_back("communication.error_feedback=true");
  return settings;
}

class ErrorFeedbackRanks : public ::testing::Test {
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

  TempDirectory folder_;
  fs::path config_ = make_tiny_run(folder_.path());
};

TEST_F(ErrorFeedbackRanks, AResumeHasTheSameBitsShardedOrNot) {
  const TrainRun golden = make("golden", with_feedback({"precision=bf16"}));
  ASSERT_EQ(golden.run(3), 0) << content_of(golden.log());
  for (const char* sharded : {"false", "true"}) {
    const TrainRun resumed =
        restart(std::string("resumed-") + sharded, golden,
                with_feedback(
                    {"precision=bf16", std::string("communication.sharded_optimizer=") + sharded}));
    ASSERT_EQ(resumed.run(3), 0) << content_of(resumed.log());
    expect_same_end(golden, resumed, kLast);
    EXPECT_TRUE(content_of(golden.output_dir / kLast / kResiduals) ==
                content_of(resumed.output_dir / kLast / kResiduals));
  }
  // It would prove nothing if the residuals did not matter.
  const TrainRun without = restart("without", golden, with_feedback({"precision=bf16"}));
  const fs::path middle = without.output_dir / kMiddle;
  nlohmann::json manifest = json_of(middle / "manifest.json");
  nlohmann::json kept = nlohmann::json::array();
  for (const nlohmann::json& file : manifest["files"]) {
    if (file["name"] != kResiduals) {
      kept.push_back(file);
    }
  }
  manifest["files"] = kept;
  std::ofstream(middle / "manifest.json") << manifest.dump();
  fs::remove(middle / kResiduals);
  ASSERT_EQ(without.run(3), 0) << content_of(without.log());
  EXPECT_THAT(content_of(without.log()), testing::HasSubstr("residuals start at zero"));
  EXPECT_FALSE(content_of(golden.output_dir / kLast / "model.safetensors") ==
               content_of(without.output_dir / kLast / "model.safetensors"));
}

TEST_F(ErrorFeedbackRanks, AResumeOnAnotherRankCountGoesOnWithTheSum) {
  const TrainRun three = make("three", with_feedback({}));
  ASSERT_EQ(three.run(3), 0) << content_of(three.log());
  for (const int ranks : {1, 2}) {
    const TrainRun other = restart(std::to_string(ranks), three, with_feedback({}));
    ASSERT_EQ(other.run(ranks), 0) << content_of(other.log());
    EXPECT_THAT(content_of(other.log()),
                testing::HasSubstr("residuals of 3 ranks: rank 0 goes on with their sum"));
    const double expected = three.step_records().back()["loss"];
    EXPECT_NEAR(other.step_records().back()["loss"].get<double>(), expected, 0.02 * expected);
  }
}

TEST_F(ErrorFeedbackRanks, CanBeTurnedOnAndOffAtAResume) {
  const TrainRun off = make("off", thirty_steps({}));
  ASSERT_EQ(off.run(2), 0) << content_of(off.log());
  EXPECT_FALSE(fs::exists(off.output_dir / kLast / kResiduals));
  const TrainRun turned_on = restart("on", off, with_feedback({}));
  ASSERT_EQ(turned_on.run(2), 0) << content_of(turned_on.log());
  EXPECT_THAT(content_of(turned_on.log()), testing::HasSubstr("residuals start at zero"));
  EXPECT_TRUE(fs::exists(turned_on.output_dir / kLast / kResiduals));
  const TrainRun turned_off = restart("off-again", turned_on, thirty_steps({}));
  fs::remove_all(turned_off.output_dir / kMiddle);
  fs::copy(turned_on.output_dir / kLast, turned_off.output_dir / kLast,
           fs::copy_options::recursive);
  std::vector<std::string> longer = thirty_steps({"phases[1].max_steps=14"});
  const TrainRun longer_run{config_, turned_off.output_dir, longer};
  ASSERT_EQ(longer_run.run(2), 0) << content_of(longer_run.log());
  EXPECT_THAT(content_of(longer_run.log()), testing::HasSubstr("dropped"));
}

TEST_F(ErrorFeedbackRanks, NeedsBf16OnTheWire) {
  const TrainRun run = make("run", {"communication.error_feedback=true"});
  EXPECT_EQ(run.run(1), 2);
  EXPECT_THAT(content_of(run.log()), testing::HasSubstr("rounds nothing that could be fed back"));
}

}  // namespace
}  // namespace lambert
