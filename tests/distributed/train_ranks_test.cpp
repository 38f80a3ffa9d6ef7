// SPDX-License-Identifier: Apache-2.0
// The number of ranks changes how a step is cut up, not what it computes.
#include <cmath>
#include <string>

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
    if (expected[index].contains("sample_hash")) {
      EXPECT_EQ(expected[index]["sample_hash"], found[index]["sample_hash"]);
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
