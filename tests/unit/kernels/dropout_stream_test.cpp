// SPDX-License-Identifier: Apache-2.0
#include "kernels/dropout_stream.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "support/parity_row.h"

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

/// 1 where kept, for rows 0, 1, ... of 512 columns; what a stream's name does not say is fixed.
std::vector<std::uint8_t> kept_elements(std::uint32_t site, std::int64_t step, std::int64_t sample,
                                        std::size_t rows, std::uint32_t first_row = 0) {
  constexpr std::size_t kColumns = 512;
  const DropoutMask mask = make_dropout_mask(42, 0, step, site, 0.1, &sample);
  std::vector<std::uint8_t> kept;
  std::vector<float> row_multipliers(kColumns);
  for (std::size_t row = 0; row < rows; ++row) {
    dropout_multipliers(mask, 0, first_row + static_cast<std::uint32_t>(row), kColumns,
                        row_multipliers.data());
    for (const float value : row_multipliers) {
      kept.push_back(value > 0.0F ? 1 : 0);
    }
  }
  return kept;
}

constexpr double kKeptProbability = 1.0 - 6554.0 / 65536.0;

// 64 streams of 65,536 elements: a share of 0.9 +- 0.006 anywhere, or of 0.9 +- 0.001 everywhere,
// fails.
TEST(DropoutStream, EveryStreamIsBernoulli) {
  constexpr std::size_t kRows = 128;
  const double count = static_cast<double>(kRows) * 512.0;
  const double deviation = std::sqrt(count * kKeptProbability * (1.0 - kKeptProbability));
  double chi_square = 0.0;
  int streams = 0;
  for (const std::uint32_t site : {0U, 1U, 2U, 36U}) {
    for (const std::int64_t step : {0, 1, 2, 7037}) {
      for (const std::int64_t sample : {0LL, 1LL, 65535LL, 5'000'000'011LL}) {
        const std::vector<std::uint8_t> kept = kept_elements(site, step, sample, kRows);
        const double sum = std::accumulate(kept.begin(), kept.end(), 0.0);
        const double errors = (sum - count * kKeptProbability) / deviation;
        EXPECT_LT(std::abs(errors), 5.0) << site << " " << step << " " << sample;
        chi_square += errors * errors;
        ++streams;
      }
    }
  }
  const double errors_of_sum = (chi_square - streams) / std::sqrt(2.0 * streams);
  EXPECT_LT(std::abs(errors_of_sum), 5.0);
  testing::print_parity_row("dropout: shares of 64 streams, standard errors of chi-square",
                            "Bernoulli(0.9)", "4,194,304", std::abs(errors_of_sum), 5.0);
}

double correlation(const std::vector<std::uint8_t>& left, const std::vector<std::uint8_t>& right,
                   std::size_t shift = 0) {
  double sum = 0.0;
  for (std::size_t i = 0; i + shift < left.size(); ++i) {
    sum += (left[i] - kKeptProbability) * (right[i + shift] - kKeptProbability);
  }
  return sum /
         (static_cast<double>(left.size() - shift) * kKeptProbability * (1.0 - kKeptProbability));
}

// A million elements each: the standard error is 0.001, a stream used twice has correlation 1, and
// one that shares a hundredth of its elements with another is found.
TEST(DropoutStream, LayersSitesSamplesStepsRowsAndColumnsAreIndependent) {
  constexpr std::size_t kRows = 2048;
  constexpr double kLimit = 5.0 / 1024.0;
  const std::vector<std::uint8_t> one = kept_elements(1, 5, 77, kRows);
  std::vector<double> correlations;
  for (const std::uint32_t other_site : {0U, 2U, 3U, 4U, 7U}) {
    correlations.push_back(correlation(one, kept_elements(other_site, 5, 77, kRows)));
  }
  for (const std::int64_t other_step : {4, 6, 5 + 256, 5 + 65536}) {
    correlations.push_back(correlation(one, kept_elements(1, other_step, 77, kRows)));
  }
  for (const std::int64_t other_sample : {76LL, 78LL, 77LL + (1LL << 32)}) {
    correlations.push_back(correlation(one, kept_elements(1, 5, other_sample, kRows)));
  }
  const std::vector<std::uint8_t> other_head = kept_elements(1, 5, 77, kRows, 65536);
  correlations.push_back(correlation(one, other_head));
  for (const std::size_t shift : {1, 2, 16, 128, 512, 1024}) {  // columns, lanes, blocks, rows
    correlations.push_back(correlation(one, one, shift));
  }
  double largest = 0.0;
  for (const double value : correlations) {
    largest = std::max(largest, std::abs(value));
  }
  EXPECT_LT(largest, kLimit);
  testing::print_parity_row("dropout: correlation of layers, sites, steps, samples, heads, places",
                            "independence", std::to_string(correlations.size()) + " of 1,048,576",
                            largest, kLimit);
  EXPECT_NEAR(correlation(one, one), 1.0, 0.01) << "the measure itself";
}

TEST(DropoutStream, ProbabilityZeroKeepsEverything) {
  const DropoutMask mask = make_dropout_mask(42, 1, 1, 0, 0.0, kSamples.data());
  EXPECT_FALSE(mask.is_active());
  EXPECT_EQ(multipliers(mask, 0, 0, 50), std::vector<float>(50, 1.0F));
}

}  // namespace
}  // namespace lambert
