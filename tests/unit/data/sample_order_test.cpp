// SPDX-License-Identifier: Apache-2.0
#include "data/sample_order.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <vector>

#include <gtest/gtest.h>

namespace lambert {
namespace {

std::vector<std::int64_t> epoch_order(const SampleOrder& order, std::int64_t epoch,
                                      std::int64_t count) {
  std::vector<std::int64_t> examples;
  for (std::int64_t place = 0; place < count; ++place) {
    examples.push_back(order.example_at(epoch, place));
  }
  return examples;
}

TEST(SampleOrder, VisitsEveryExampleOnceInEveryEpoch) {
  for (std::int64_t count = 1; count < 300; ++count) {
    const SampleOrder order(7, 0, count);
    for (const std::int64_t epoch : {0, 1, 1000}) {
      std::vector<std::int64_t> examples = epoch_order(order, epoch, count);
      std::sort(examples.begin(), examples.end());
      for (std::int64_t i = 0; i < count; ++i) {
        ASSERT_EQ(examples[static_cast<std::size_t>(i)], i)
            << count << " examples, epoch " << epoch;
      }
    }
  }
}

TEST(SampleOrder, DiffersBySeedPhaseAndEpoch) {
  constexpr std::int64_t kCount = 1000;
  const std::vector<std::int64_t> reference = epoch_order(SampleOrder(1, 0, kCount), 0, kCount);
  EXPECT_EQ(reference, epoch_order(SampleOrder(1, 0, kCount), 0, kCount));
  EXPECT_NE(reference, epoch_order(SampleOrder(2, 0, kCount), 0, kCount));
  EXPECT_NE(reference, epoch_order(SampleOrder(1, 1, kCount), 0, kCount));
  EXPECT_NE(reference, epoch_order(SampleOrder(1, 0, kCount), 1, kCount));
}

TEST(SampleOrder, CountsSamplesThroughTheEpochs) {
  const SampleOrder order(1, 0, 10);
  EXPECT_EQ(order.example_of(37), order.example_at(3, 7));
}

// Chi-square with 63 degrees of freedom; 5 standard deviations (sqrt(126)) above the mean.
TEST(SampleOrder, PutsAnExampleAtEveryPlaceEquallyOften) {
  constexpr std::int64_t kCount = 64;
  constexpr int kEpochs = 64 * 500;
  std::array<int, kCount> places{};
  const SampleOrder order(3, 0, kCount);
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    ++places.at(static_cast<std::size_t>(order.example_at(epoch, 5)));
  }
  double chi_square = 0.0;
  for (const int count : places) {
    chi_square += std::pow(count - 500.0, 2) / 500.0;
  }
  EXPECT_LT(chi_square, 63 + 5 * std::sqrt(126.0));
  EXPECT_GT(chi_square, 63 - 5 * std::sqrt(126.0));
}

// The mean distance of two independent places is n / 3; an order that keeps neighbours together
// stays far below.
TEST(SampleOrder, TearsNeighboursApart) {
  constexpr std::int64_t kCount = 100003;
  const SampleOrder order(3, 0, kCount);
  double sum = 0.0;
  for (std::int64_t place = 1; place < kCount; ++place) {
    sum += static_cast<double>(
        std::llabs(order.example_at(0, place) - order.example_at(0, place - 1)));
  }
  EXPECT_NEAR(sum / kCount / kCount, 1.0 / 3.0, 0.01);
}

TEST(SampleOrder, ReachesOverAHugeCorpus) {
  constexpr std::int64_t kCount = (std::int64_t{1} << 62) + 12345;
  const SampleOrder order(3, 0, kCount);
  for (std::int64_t place = 0; place < 100; ++place) {
    const std::int64_t example = order.example_at(0, place);
    EXPECT_GE(example, 0);
    EXPECT_LT(example, kCount);
  }
}

}  // namespace
}  // namespace lambert
