// SPDX-License-Identifier: Apache-2.0
#include "comm/make_communicator.h"

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace lambert {
namespace {

using ::testing::HasSubstr;

/// Each test sees only the launcher's variables that it sets.
class Launcher : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name :
         {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_NTASKS", "PMIX_RANK",
          "PMI_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "MV2_COMM_WORLD_LOCAL_RANK",
          "SLURM_LOCALID", "LOCAL_RANK", "RANK", "WORLD_SIZE"}) {
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

/// What the message of an impossible choice says.
std::string refusal(const CommConfig& config, const CommDevice& device = {}) {
  try {
    make_communicator(config, device);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

TEST_F(Launcher, TellsTheRankOnThisMachine) {
  EXPECT_EQ(launch_local_rank(), 0);
  setenv("SLURM_LOCALID", "3", 1);
  EXPECT_EQ(launch_local_rank(), 0) << "a plain shell of an allocation is no rank";
  setenv("SLURM_NTASKS", "16", 1);
  setenv("PMIX_RANK", "11", 1);
  EXPECT_EQ(launch_local_rank(), 3);
}

TEST_F(Launcher, OfEachKindTellsTheRankOnThisMachine) {
  const std::map<std::string, std::string> size_and_local_rank = {
      {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"},
      {"PMI_SIZE", "MPI_LOCALRANKID"},
      {"MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK"}};
  for (const auto& [size, local_rank] : size_and_local_rank) {
    setenv(size.c_str(), "8", 1);
    setenv(local_rank.c_str(), "5", 1);
    EXPECT_EQ(launch_local_rank(), 5) << local_rank;
    unsetenv(size.c_str());
    unsetenv(local_rank.c_str());
  }
}

TEST_F(Launcher, ThatDoesNotTellTheRankOnThisMachineIsNotGuessed) {
  setenv("OMPI_COMM_WORLD_SIZE", "8", 1);
  EXPECT_THROW(launch_local_rank(), ConfigError);
  setenv("LOCAL_RANK", "2", 1);
  EXPECT_EQ(launch_local_rank(), 2);
}

TEST_F(Launcher, TorchrunAloneIsToldToUseMpirun) {
  setenv("RANK", "1", 1);
  setenv("LOCAL_RANK", "1", 1);
  setenv("WORLD_SIZE", "4", 1);
  EXPECT_THAT(refusal({}), HasSubstr("torchrun"));
  EXPECT_THAT(refusal({}), HasSubstr("start with mpirun"));
  setenv("OMPI_COMM_WORLD_SIZE", "4", 1);
  EXPECT_FALSE(started_by_torchrun_alone());
}

TEST_F(Launcher, NcclNeedsADevice) {
  CommConfig config;
  config.backend = Backend::nccl;
  EXPECT_THAT(refusal(config), HasSubstr("computes on the CPU"));
}

TEST_F(Launcher, NcclThatIsNotInstalledIsADeviceError) {
  CommConfig config;
  config.backend = Backend::nccl;
  CommDevice device;
  device.is_cuda = true;
  device.libraries = {"libno-such-nccl.so.2", "libm.so.6"};
  EXPECT_THROW(make_communicator(config, device), DeviceError);
}

TEST_F(Launcher, TheRingOfMpiIsNotForDevices) {
  CommConfig config;
  config.backend = Backend::mpi;
  CommDevice device;
  device.is_cuda = true;
  EXPECT_THAT(refusal(config, device), HasSubstr("choose auto or nccl"));
}

TEST_F(Launcher, WithOneProcessOnADeviceNeedsNoNccl) {
  CommDevice device;
  device.is_cuda = true;
  device.libraries = {"libno-such-nccl.so.2", "libno-such-cudart.so.13"};
  EXPECT_EQ(make_communicator(CommConfig{}, device)->size(), 1);
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
