// SPDX-License-Identifier: Apache-2.0
// The number of ranks changes how a step is cut up, not what it computes.
#include <cmath>
#include <string>

#include "support/parity_row.h"
#include "support/temp_directory.h"
#include "support/train_run.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

/// Sums are taken in another order: a few units in the last place of fp32, which 40 steps amplify.
constexpr double kLossTolerance = 1e-4;  // relative

void expect_same_training(const TrainRun& expected_run, const TrainRun& run) {
  const std::vector<nlohmann::json> expected = expected_run.records();
  const std::vector<nlohmann::json> found = run.records();
  ASSERT_EQ(expected.size(), found.size());
  for (std::size_t index = 0; index < expected.size(); ++index) {
    const char* key = expected[index].contains("loss") ? "loss" : "eval_loss";
    const double loss = expected[index][key];
    EXPECT_NEAR(found[index][key].get<double>(), loss, kLossTolerance * std::abs(loss))
        << expected[index].dump();
    for (const char* hash : {"sample_hash", "mask_hash", "dropout_hash"}) {
      EXPECT_EQ(expected[index].contains(hash), expected[index].contains("loss"));
      EXPECT_EQ(expected[index].value(hash, ""), found[index].value(hash, ""));
    }
  }
}

// Every save compares the weights of all ranks bit for bit and ends the run with 5 when they
// differ.
TEST(TrainRanks, OneTwoAndFourRanksSeeTheSameSamplesAndLosses) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  const TrainRun one{config, folder / "one", {"checkpoint.save_steps=1"}};
  ASSERT_EQ(one.run(1), 0) << content_of(one.log());
  for (const int ranks : {2, 4}) {
    SCOPED_TRACE(std::to_string(ranks) + " ranks");
    const TrainRun several{
        config, folder / ("ranks" + std::to_string(ranks)), {"checkpoint.save_steps=1"}};
    ASSERT_EQ(several.run(ranks), 0) << content_of(several.log());
    expect_same_training(one, several);
  }
}

/// The largest relative difference of the losses of the first `steps` steps.
double loss_difference(const TrainRun& expected, const TrainRun& found, std::size_t steps) {
  const std::vector<nlohmann::json> expected_records = expected.step_records();
  const std::vector<nlohmann::json> found_records = found.step_records();
  double largest = 0.0;
  for (std::size_t index = 0; index < steps; ++index) {
    const double loss = expected_records.at(index)["loss"];
    const double other = found_records.at(index)["loss"];
    largest = std::max(largest, std::abs(other - loss) / std::abs(loss));
    EXPECT_EQ(expected_records[index]["sample_hash"], found_records[index]["sample_hash"]);
    EXPECT_EQ(expected_records[index]["mask_hash"], found_records[index]["mask_hash"]);
    EXPECT_EQ(expected_records[index]["dropout_hash"], found_records[index]["dropout_hash"]);
  }
  return largest;
}

// Rounding grows; a lost sample, another mask or a wrong factor shows in the first steps.
TEST(TrainRanks, LossesOfTwentyStepsAgreeTo1e5AndOfTwoHundredTo1e3) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  const std::vector<std::string> settings = {"phases[0].max_steps=200",
                                             "phases[0].warmup_steps=40",
                                             "phases[0].global_train_batch_size=24",
                                             "phases[0].per_device_train_batch_size=4",
                                             "phases[1].max_steps=1",
                                             "phases[1].warmup_steps=0",
                                             "phases[1].global_train_batch_size=12"};
  const TrainRun one{config, folder / "one", settings};
  ASSERT_EQ(one.run(1), 0) << content_of(one.log());
  for (const int ranks : {2, 3, 4}) {
    const TrainRun several{config, folder / std::to_string(ranks), settings};
    ASSERT_EQ(several.run(ranks), 0) << content_of(several.log());
    const double of_20 = loss_difference(one, several, 20);
    const double of_200 = loss_difference(one, several, 200);
    const std::string item = "losses on " + std::to_string(ranks) + " ranks, ";
    testing::print_parity_row(item + "20 steps", "one rank", "20", of_20, 1e-5);
    testing::print_parity_row(item + "200 steps", "one rank", "200", of_200, 1e-3);
    EXPECT_LE(of_20, 1e-5) << ranks << " ranks";
    EXPECT_LE(of_200, 1e-3) << ranks << " ranks";
  }
}

TEST(TrainRanks, ARunOfFourRanksResumesOnTwo) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  const TrainRun four{config, folder / "four", {}};
  ASSERT_EQ(four.run(4), 0) << content_of(four.log());
  const TrainRun two{config, folder / "two", {}};
  fs::copy(four.output_dir, two.output_dir, fs::copy_options::recursive);
  fs::remove_all(two.output_dir / "checkpoint-00000040");
  fs::remove_all(two.output_dir / "checkpoint-00000030");
  ASSERT_EQ(two.run(2), 0) << content_of(two.log());
  expect_same_training(four, two);
}

TEST(TrainRanks, ABatchThatRanksDoNotDivideIsRefusedBeforeAnythingIsWritten) {
  const TempDirectory folder;
  const TrainRun run{make_tiny_run(folder.path()), folder / "run", {}};
  EXPECT_EQ(run.run(3), 2) << content_of(run.log());
  EXPECT_FALSE(fs::exists(run.output_dir));
}

}  // namespace
}  // namespace lambert
