// SPDX-License-Identifier: Apache-2.0
// communication.reduction: reproducible gives the same bits on any number of ranks.
#include <string>

#include "support/parity_row.h"
#include "support/temp_directory.h"
#include "support/train_run.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

/// 100 steps over both phases; twelve micro-batches of one phase step, so that 1, 2, 3 and 4 ranks
/// divide them.
std::vector<std::string> hundred_steps(const std::string& reduction) {
  return {"communication.reduction=" + reduction,
          "threads_per_rank=1",
          "phases[0].max_steps=60",
          "phases[0].global_train_batch_size=24",
          "phases[0].per_device_train_batch_size=2",
          "phases[1].max_steps=40",
          "phases[1].global_train_batch_size=12",
          "phases[1].per_device_train_batch_size=1",
          "checkpoint.save_steps=50"};
}

void expect_equal_state(const TrainRun& expected, const TrainRun& found) {
  for (const char* file : {"model.safetensors", "optimizer.safetensors"}) {
    const fs::path path = fs::path("checkpoint-00000100") / file;
    EXPECT_TRUE(content_of(expected.output_dir / path) == content_of(found.output_dir / path))
        << path << " differs";
  }
}

TEST(ReproducibleRanks, OneTwoThreeAndFourRanksEndWithTheSameBits) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  const TrainRun one{config, folder / "one", hundred_steps("reproducible")};
  ASSERT_EQ(one.run(1), 0) << content_of(one.log());
  for (const int ranks : {2, 3, 4}) {
    SCOPED_TRACE(std::to_string(ranks) + " ranks");
    const TrainRun several{config, folder / std::to_string(ranks), hundred_steps("reproducible")};
    ASSERT_EQ(several.run(ranks), 0) << content_of(several.log());
    expect_equal_state(one, several);
  }
  testing::print_parity_row("reproducible mode, weights and moments after 100 steps, 2, 3, 4 ranks",
                            "one rank, bit for bit", "3", HasFailure() ? 1.0 : 0.0, 0.0);
}

TEST(ReproducibleRanks, AResumeOnAnotherRankCountChangesNoBitInBf16) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  std::vector<std::string> settings = hundred_steps("reproducible");
  settings.emplace_back("precision=bf16");
  const TrainRun one{config, folder / "one", settings};
  ASSERT_EQ(one.run(1), 0) << content_of(one.log());
  const TrainRun changing{config, folder / "changing", settings};
  fs::copy(one.output_dir, changing.output_dir, fs::copy_options::recursive);
  fs::remove_all(changing.output_dir / "checkpoint-00000100");
  ASSERT_EQ(changing.run(4), 0) << content_of(changing.log());
  expect_equal_state(one, changing);
}

// The test above would prove nothing if the standard sums had equal bits as well.
TEST(ReproducibleRanks, StandardSumsDependOnTheRankCount) {
  const TempDirectory folder;
  const fs::path config = make_tiny_run(folder.path());
  const TrainRun one{config, folder / "one", hundred_steps("standard")};
  const TrainRun four{config, folder / "four", hundred_steps("standard")};
  ASSERT_EQ(one.run(1), 0) << content_of(one.log());
  ASSERT_EQ(four.run(4), 0) << content_of(four.log());
  const fs::path weights = fs::path("checkpoint-00000100") / "model.safetensors";
  EXPECT_FALSE(content_of(one.output_dir / weights) == content_of(four.output_dir / weights));
}

}  // namespace
}  // namespace lambert
