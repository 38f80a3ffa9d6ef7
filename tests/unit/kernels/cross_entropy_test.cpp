// SPDX-License-Identifier: Apache-2.0
#include "kernels/cross_entropy.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/element.h"

namespace lambert {
namespace {

const std::vector<float> kLogits = {1.0F, 2.0F, 0.5F, -90.0F, 80.0F, 80.0F};
const std::vector<std::int64_t> kLabels = {1, 2};

double softmax(std::size_t row, std::size_t column) {
  double sum = 0.0;
  for (std::size_t c = 0; c < 3; ++c) {
    sum += std::exp(static_cast<double>(kLogits[3 * row + c]));
  }
  return std::exp(static_cast<double>(kLogits[3 * row + column])) / sum;
}

TEST(CrossEntropy, SumsTheNegativeLogarithmsOfTheLabels) {
  std::vector<float> logits = kLogits;
  const CrossEntropySums sums =
      cross_entropy(logits.data(), kLabels.data(), 2, 3, LogitsBecome::unchanged);
  EXPECT_NEAR(sums.loss, -std::log(softmax(0, 1)) - std::log(softmax(1, 2)), 1e-6);
  EXPECT_EQ(logits, kLogits);
}

TEST(CrossEntropy, OfEqualLogitsTheFirstCounts) {
  std::vector<float> logits = kLogits;
  EXPECT_EQ(cross_entropy(logits.data(), kLabels.data(), 2, 3, LogitsBecome::unchanged).correct, 1);
}

TEST(CrossEntropy, LogitsBecomeSoftmaxMinusOneHot) {
  std::vector<float> logits = kLogits;
  cross_entropy(logits.data(), kLabels.data(), 2, 3, LogitsBecome::gradients);
  for (std::size_t row = 0; row < 2; ++row) {
    for (std::size_t c = 0; c < 3; ++c) {
      const double expected =
          softmax(row, c) - (c == static_cast<std::size_t>(kLabels[row]) ? 1.0 : 0.0);
      EXPECT_NEAR(logits[3 * row + c], expected, 1e-6);
    }
  }
}

TEST(CrossEntropy, ARowWithoutLabelCountsNothing) {
  std::vector<float> logits = kLogits;
  logits[4] = std::nanf("1");
  const std::vector<std::int64_t> labels = {1, kNoLabel};
  const CrossEntropySums sums =
      cross_entropy(logits.data(), labels.data(), 2, 3, LogitsBecome::gradients);
  EXPECT_NEAR(sums.loss, -std::log(softmax(0, 1)), 1e-6);
  EXPECT_EQ(sums.correct, 1);
  EXPECT_EQ(std::vector<float>(logits.begin() + 3, logits.end()), std::vector<float>(3, 0.0F));
}

TEST(CrossEntropy, NaNLogitsGiveANaNLoss) {
  std::vector<float> logits = {1.0F, std::nanf("1"), 2.0F};
  const std::vector<std::int64_t> label = {0};
  EXPECT_TRUE(
      std::isnan(cross_entropy(logits.data(), label.data(), 1, 3, LogitsBecome::unchanged).loss));
}

}  // namespace
}  // namespace lambert
