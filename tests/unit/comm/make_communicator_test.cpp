// SPDX-License-Identifier: Apache-2.0
#include "comm/make_communicator.h"

#include <cstdlib>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"

namespace lambert {
namespace {

/// Each test sees only the launcher's variables that it sets.
class Launcher : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE",
                             "SLURM_NTASKS", "PMIX_RANK", "PMI_RANK"}) {
      const char* value = std::getenv(name);
      if (value != nullptr) {
        saved_[name] = value;
      }
      unsetenv(name);
      names_.emplace_back(name);
    }
  }
  void TearDown() override {
    for (const std::string& name : names_) {
      unsetenv(name.c_str());
    }
    for (const auto& [name, value] : saved_) {
      setenv(name.c_str(), value.c_str(), 1);
    }
  }

 private:
  std::vector<std::string> names_;
  std::map<std::string, std::string> saved_;
};

TEST_F(Launcher, IsNotThereWithoutItsVariables) {
  EXPECT_FALSE(started_by_launcher());
}

TEST_F(Launcher, IsSeenForSeveralRanksOfMpirun) {
  setenv("OMPI_COMM_WORLD_SIZE", "4", 1);
  EXPECT_TRUE(started_by_launcher());
}

TEST_F(Launcher, DoesNotMatterForOneRank) {
  setenv("OMPI_COMM_WORLD_SIZE", "1", 1);
  EXPECT_FALSE(started_by_launcher());
}

TEST_F(Launcher, IsNotSeenInAPlainShellOfASlurmAllocation) {
  setenv("SLURM_NTASKS", "8", 1);
  EXPECT_FALSE(started_by_launcher());
  setenv("PMIX_RANK", "0", 1);
  EXPECT_TRUE(started_by_launcher());
}

TEST_F(Launcher, WithSeveralRanksMakesBackendSingleImpossible) {
  setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
  CommConfig config;
  config.backend = Backend::single;
  EXPECT_THROW(make_communicator(config), ConfigError);
}

TEST_F(Launcher, WhenAbsentMakesAutomaticSingle) {
  EXPECT_EQ(make_communicator(CommConfig{})->size(), 1);
}

TEST_F(Launcher, OrNotADeadlineMustBePositive) {
  CommConfig config;
  config.timeout_seconds = 0.0;
  EXPECT_THROW(make_communicator(config), ConfigError);
}

TEST_F(Launcher, WhenAbsentLeavesAbortToThisProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(abort_job(6), ::testing::ExitedWithCode(6), "");
}

}  // namespace
}  // namespace lambert
