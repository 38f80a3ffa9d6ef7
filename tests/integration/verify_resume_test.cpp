// SPDX-License-Identifier: Apache-2.0
// lambert verify-resume finds nothing where nothing is wrong, and finds what is.
#include <fstream>
#include <string>

#include "support/temp_directory.h"
#include "support/train_run.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

struct Outcome {
  int code = -1;
  std::string output;
  nlohmann::json verdicts;
  nlohmann::json verdict_of(const std::string& item) const {
    for (const nlohmann::json& verdict : verdicts) {
      if (verdict["item"] == item) {
        return verdict;
      }
    }
    return {};
  }
};

constexpr const char* kLauncher = "mpirun --oversubscribe --bind-to none -n {ranks}";

Outcome verify(const TempDirectory& folder, const std::vector<std::string>& options,
               const std::string& launcher = kLauncher) {
  std::vector<std::string> command = {
      LAMBERT_PROGRAM, "verify-resume", make_tiny_run(folder.path()).string(),
      "--json",        "--launcher",    launcher};
  command.insert(command.end(), options.begin(), options.end());
  on_ranks(1, {});  // lets mpirun run as root in containers
  ChildProcess process(command, folder / "verify.log");
  Outcome outcome;
  outcome.code = process.wait(120);
  outcome.output = process.output();
  const std::size_t begin = outcome.output.find("[\n");
  const std::size_t end = outcome.output.rfind("\n]");
  if (begin != std::string::npos && end != std::string::npos) {
    outcome.verdicts = nlohmann::json::parse(outcome.output.substr(begin, end + 2 - begin));
  }
  return outcome;
}

TEST(VerifyResume, FindsEqualBitsAcrossTheSwitchOfPhases) {
  const TempDirectory folder;
  const Outcome outcome = verify(folder, {"--ranks", "2", "phases[0].max_steps=5"});
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  ASSERT_EQ(outcome.verdicts.size(), 10U) << outcome.output;
  for (const nlohmann::json& verdict : outcome.verdicts) {
    EXPECT_TRUE(verdict["passed"].get<bool>()) << verdict;
    EXPECT_EQ(verdict["difference"], 0.0) << verdict;
  }
  EXPECT_FALSE(fs::exists(folder / "run-verify-resume")) << "nothing is left behind";
}

TEST(VerifyResume, AllowsForRoundingWhenTheRankCountChanges) {
  const TempDirectory folder;
  const Outcome outcome = verify(folder, {"--ranks", "4", "--restart-ranks", "2"});
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_GT(outcome.verdict_of("weights at the end")["difference"], 0.0);
  EXPECT_EQ(outcome.verdict_of("next samples")["difference"], 0.0);
}

TEST(VerifyResume, AsksForEqualBitsOnAnotherRankCountWhenSumsAreReproducible) {
  const TempDirectory folder;
  const Outcome outcome = verify(
      folder, {"--ranks", "4", "--restart-ranks", "2", "communication.reduction=reproducible"});
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_EQ(outcome.verdict_of("weights at the end")["limit"], 0.0);
}

/// A launcher that starts what it is told to start, with one more override from the second launch
/// of a run on: a resume that goes wrong.
fs::path faulty_launcher(const TempDirectory& folder, const std::string& assignment) {
  const fs::path path = folder / "launcher.sh";
  std::ofstream(path)
      << "for word; do case $word in output_dir=*) run=${word#output_dir=};; esac; done\n"
      << "if [ -e \"$run/latest\" ]; then set -- \"$@\" '" << assignment << "'; fi\n"
      << "exec \"$@\"\n";
  return path;
}

TEST(VerifyResume, FindsALostMomentAndAnotherSample) {
  struct Fault {
    std::string assignment;
    std::string item;
  };
  for (const Fault& fault : {Fault{"optimizer.adam_beta2=0.99", "weights at the end"},
                             Fault{"seed=8", "next samples"}, Fault{"seed=8", "their dropout"},
                             Fault{"phases[0].learning_rate=1e-2", "learning rates"}}) {
    const TempDirectory folder;
    const fs::path launcher = faulty_launcher(folder, fault.assignment);
    const Outcome outcome =
        verify(folder, {"--output", (folder / "v").string()}, "sh " + launcher.string());
    EXPECT_EQ(outcome.code, 5) << fault.assignment << outcome.output;
    EXPECT_FALSE(outcome.verdict_of(fault.item)["passed"].get<bool>()) << fault.assignment;
    EXPECT_TRUE(outcome.verdict_of("weights at the stop")["passed"].get<bool>());
    EXPECT_TRUE(fs::exists(folder / "v" / "restarted")) << "kept for looking at";
  }
}

TEST(VerifyResume, RefusesWhatCannotWorkBeforeAnyLaunch) {
  const TempDirectory folder;
  Outcome outcome = verify(folder, {"--steps", "30"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.output, testing::HasSubstr("60 steps are needed, the phases have 40"));
  outcome = verify(folder, {"--ranks", "3"});
  EXPECT_EQ(outcome.code, 2);
  fs::create_directory(folder / "run-verify-resume");
  outcome = verify(folder, {});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.output, testing::HasSubstr("exists; remove it"));
}

TEST(VerifyResume, EndsWithTheCodeOfALaunchThatFails) {
  const TempDirectory folder;
  const Outcome outcome = verify(folder, {"phases[0].data=" + (folder / "nothing").string()});
  EXPECT_EQ(outcome.code, 3) << outcome.output;
  EXPECT_THAT(outcome.output, testing::HasSubstr("lambert train ended with code 3"));
}

}  // namespace
}  // namespace lambert
