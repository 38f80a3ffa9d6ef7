// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/residual_file.h"

#include <ATen/TensorOperators.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "support/faulty_file_system.h"
#include "support/temp_directory.h"
#include "support/tiny_checkpoint.h"

namespace lambert {
namespace {

constexpr int kSavedRanks = 3;

at::Tensor residual_of(const NamedTensor& parameter, int rank) {
  return at::arange(parameter.tensor.numel(), at::kFloat)
      .mul(0.25 * (rank + 1))
      .sub(1.0)
      .view(parameter.tensor.sizes());
}

/// A checkpoint of three ranks with error feedback.
class ResidualFileTest : public ::testing::Test {
 protected:
  ResidualFileTest() {
    for (int rank = 0; rank < kSavedRanks; ++rank) {
      for (const NamedTensor& parameter : content_.model) {
        content_.residuals.push_back(
            {residual_name(parameter.name, rank), residual_of(parameter, rank)});
      }
    }
  }
  std::filesystem::path save() { return CheckpointStore(disk_, folder_.path()).save(content_); }
  /// Residuals to load into, with something in them.
  std::vector<NamedTensor> residuals() const {
    std::vector<NamedTensor> residuals;
    for (const NamedTensor& parameter : content_.model) {
      residuals.push_back({parameter.name, at::full_like(parameter.tensor, 9.0F)});
    }
    return residuals;
  }

  TempDirectory folder_;
  FaultyFileSystem disk_;
  CheckpointContent content_ = tiny_checkpoint(10);
};

TEST_F(ResidualFileTest, GivesEachRankItsOwnOnAsManyRanks) {
  const std::filesystem::path path = save();
  EXPECT_EQ(verify_checkpoint(path, nullptr), "");
  for (int rank = 0; rank < kSavedRanks; ++rank) {
    const std::vector<NamedTensor> loaded = residuals();
    EXPECT_EQ(load_residuals(path, rank, kSavedRanks, loaded), kSavedRanks);
    for (const NamedTensor& residual : loaded) {
      EXPECT_TRUE(at::equal(residual.tensor, residual_of(residual, rank)));
    }
  }
}

TEST_F(ResidualFileTest, GivesTheSumToRankZeroOnAnotherNumberOfRanks) {
  const std::filesystem::path path = save();
  for (const int rank_count : {1, 2, 4}) {
    for (int rank = 0; rank < rank_count; ++rank) {
      const std::vector<NamedTensor> loaded = residuals();
      EXPECT_EQ(load_residuals(path, rank, rank_count, loaded), kSavedRanks);
      for (const NamedTensor& residual : loaded) {
        const at::Tensor sum =
            residual_of(residual, 0) + residual_of(residual, 1) + residual_of(residual, 2);
        EXPECT_TRUE(at::equal(residual.tensor, rank == 0 ? sum : at::zeros_like(sum)));
      }
    }
  }
}

TEST_F(ResidualFileTest, StartsAtZeroWhenTheCheckpointHasNone) {
  content_.residuals.clear();
  const std::filesystem::path path = save();
  EXPECT_FALSE(std::filesystem::exists(path / "residuals.safetensors"));
  const std::vector<NamedTensor> loaded = residuals();
  EXPECT_EQ(load_residuals(path, 0, kSavedRanks, loaded), 0);
  for (const NamedTensor& residual : loaded) {
    EXPECT_TRUE(at::equal(residual.tensor, at::zeros_like(residual.tensor)));
  }
}

TEST_F(ResidualFileTest, RefusesResidualsOfOtherTensors) {
  content_.residuals.back().name = "other.residual.2";
  const std::filesystem::path path = save();
  try {
    load_residuals(path, 2, kSavedRanks, residuals());
    FAIL() << "accepted";
  } catch (const CheckpointError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("cls.predictions.bias.residual.2 is missing"));
  }
  content_.residuals.pop_back();
  content_.state.global_step = 20;
  EXPECT_THROW(load_residuals(save(), 0, kSavedRanks, residuals()), CheckpointError);
}

}  // namespace
}  // namespace lambert
