// SPDX-License-Identifier: Apache-2.0
#include "kernels/dropout_stream.h"

#include <array>
#include <vector>

#include <gtest/gtest.h>

namespace lambert {
namespace {

constexpr std::array<std::int64_t, 2> kSamples = {7, 5'000'000'011};

DropoutMask example_mask(std::uint32_t site = 4) {
  return make_dropout_mask(42, 1, 1234, site, 0.1, kSamples.data());
}

std::vector<float> multipliers(const DropoutMask& mask, std::int64_t sample, std::uint32_t row,
                               std::size_t columns) {
  std::vector<float> result(columns);
  dropout_multipliers(mask, sample, row, static_cast<std::int64_t>(columns), result.data());
  return result;
}

/// One element, straight from the text in dropout_stream.h.
bool is_kept(const DropoutMask& mask, std::uint64_t sample, std::uint32_t row,
             std::uint32_t column) {
  const std::uint32_t lane = column / 16 % 8;
  const std::uint32_t block = 16 * (column / 128) + column % 16;
  const PhiloxBlock words = philox(
      {block, row, static_cast<std::uint32_t>(sample), static_cast<std::uint32_t>(sample >> 32)},
      mask.key);
  return ((words[lane / 2] >> (16 * (lane % 2))) & 0xFFFFU) >= mask.threshold;
}

TEST(DropoutStream, FollowsItsDescriptionElementByElement) {
  const DropoutMask mask = example_mask();
  EXPECT_EQ(mask.threshold, 6554U);
  const std::vector<float> values = multipliers(mask, 1, 65539, 300);
  for (std::uint32_t column = 0; column < 300; ++column) {
    EXPECT_EQ(values[column], is_kept(mask, 5'000'000'011, 65539, column) ? mask.scale : 0.0F);
  }
}

TEST(DropoutStream, APrefixOfARowDoesNotDependOnTheRowsLength) {
  const std::vector<float> longer = multipliers(example_mask(), 0, 3, 512);
  for (const std::size_t columns : {1, 16, 127, 128, 129, 200}) {
    const std::vector<float> shorter = multipliers(example_mask(), 0, 3, columns);
    EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), longer.begin()));
  }
}

TEST(DropoutStream, KeepsTheExpectedShareAndTheMean) {
  const DropoutMask mask = example_mask();
  double sum = 0.0;
  int kept = 0;
  constexpr int kRows = 400;
  for (std::uint32_t row = 0; row < kRows; ++row) {
    for (const float value : multipliers(mask, 0, row, 256)) {
      sum += static_cast<double>(value);
      kept += value > 0.0F ? 1 : 0;
    }
  }
  EXPECT_NEAR(kept / (kRows * 256.0), 0.9, 0.004);  // four standard deviations
  EXPECT_NEAR(sum / (kRows * 256.0), 1.0, 0.005);
}

TEST(DropoutStream, DiffersByEveryPartOfItsName) {
  const auto reference = multipliers(example_mask(), 0, 3, 256);
  EXPECT_EQ(reference, multipliers(example_mask(), 0, 3, 256));
  EXPECT_NE(reference, multipliers(example_mask(), 1, 3, 256));
  EXPECT_NE(reference, multipliers(example_mask(), 0, 4, 256));
  EXPECT_NE(reference, multipliers(example_mask(5), 0, 3, 256));
  const std::int64_t* const samples = kSamples.data();
  EXPECT_NE(reference, multipliers(make_dropout_mask(43, 1, 1234, 4, 0.1, samples), 0, 3, 256));
  EXPECT_NE(reference, multipliers(make_dropout_mask(42, 2, 1234, 4, 0.1, samples), 0, 3, 256));
  EXPECT_NE(reference, multipliers(make_dropout_mask(42, 1, 1235, 4, 0.1, samples), 0, 3, 256));
}

TEST(DropoutStream, ProbabilityZeroKeepsEverything) {
  const DropoutMask mask = make_dropout_mask(42, 1, 1, 0, 0.0, kSamples.data());
  EXPECT_FALSE(mask.is_active());
  EXPECT_EQ(multipliers(mask, 0, 0, 50), std::vector<float>(50, 1.0F));
}

}  // namespace
}  // namespace lambert
