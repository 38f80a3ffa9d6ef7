// SPDX-License-Identifier: Apache-2.0
#include "train/gradient_noise.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace lambert {
namespace {

TEST(GradientNoise, SolvesTheTwoEquationsOfThePaper) {
  // |g_B|^2 = 3 + 80 / B at B = 4 and B = 32.
  const GradientNoise noise = estimate_gradient_noise(3.0 + 80.0 / 4, 4, 3.0 + 80.0 / 32, 32);
  EXPECT_NEAR(noise.squared_gradient, 3.0, 1e-12);
  EXPECT_NEAR(noise.covariance_trace, 80.0, 1e-12);
  EXPECT_NEAR(noise.scale, 80.0 / 3.0, 1e-12);
}

TEST(GradientNoise, FindsMeanAndVarianceOfSimulatedGradients) {
  constexpr int kElements = 50;
  constexpr int kSmall = 8;
  constexpr int kBatches = 16;  // small batches that form the big one
  constexpr int kSteps = 200;
  constexpr double kMean = 0.3;       // of every element
  constexpr double kDeviation = 2.0;  // of one sequence's element
  std::mt19937_64 generator(5);
  std::normal_distribution<double> noise_of_batch(0.0, kDeviation / std::sqrt(kSmall));
  double squared_gradient = 0.0;
  double covariance_trace = 0.0;
  for (int step = 0; step < kSteps; ++step) {
    std::vector<double> big(kElements, 0.0);
    double small_squared_norm = 0.0;
    for (int batch = 0; batch < kBatches; ++batch) {
      for (double& sum : big) {
        const double element = kMean + noise_of_batch(generator);
        small_squared_norm += element * element / kBatches;
        sum += element / kBatches;
      }
    }
    double big_squared_norm = 0.0;
    for (const double element : big) {
      big_squared_norm += element * element;
    }
    const GradientNoise noise =
        estimate_gradient_noise(small_squared_norm, kSmall, big_squared_norm, kSmall * kBatches);
    squared_gradient += noise.squared_gradient / kSteps;
    covariance_trace += noise.covariance_trace / kSteps;
  }
  EXPECT_NEAR(squared_gradient, kElements * kMean * kMean, 0.2);
  EXPECT_NEAR(covariance_trace, kElements * kDeviation * kDeviation, 4.0);
}

}  // namespace
}  // namespace lambert
