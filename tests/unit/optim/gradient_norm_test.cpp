// SPDX-License-Identifier: Apache-2.0
#include "optim/gradient_norm.h"

#include <cmath>
#include <limits>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "support/reduced_gradients.h"

namespace lambert {
namespace {

std::vector<NamedParameter> parameters_of(const std::vector<std::int64_t>& sizes) {
  std::vector<NamedParameter> parameters;
  for (const std::int64_t size : sizes) {
    const at::Tensor master = at::zeros({size}).set_requires_grad(true);
    parameters.push_back({"tensor" + std::to_string(parameters.size()), master, master});
  }
  return parameters;
}

TEST(GradientNorm, IsOneNormOverAllTensors) {
  OneRankGradients gradients(parameters_of({1, 2}));
  const GradientNorm norm =
      measure_gradient_norm(gradients.set({at::full({1}, 3.0F), at::full({2}, 4.0F)}));
  EXPECT_DOUBLE_EQ(norm.value, std::sqrt(9.0 + 32.0));
  EXPECT_TRUE(norm.finite);
}

TEST(GradientNorm, NeitherOverflowsNorUnderflows) {
  OneRankGradients gradients(parameters_of({1000, 1}));
  const GradientNorm huge =
      measure_gradient_norm(gradients.set({at::full({1000}, 1e38F), at::zeros({1})}));
  EXPECT_TRUE(huge.finite);
  EXPECT_NEAR(huge.value / (1e38 * std::sqrt(1000.0)), 1.0, 1e-7);
  const GradientNorm tiny =
      measure_gradient_norm(gradients.set({at::full({1000}, 1e-30F), at::zeros({1})}));
  EXPECT_NEAR(tiny.value / (1e-30 * std::sqrt(1000.0)), 1.0, 1e-6);
}

TEST(GradientNorm, SeesOneBadValue) {
  OneRankGradients gradients(parameters_of({70000}));
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    at::Tensor gradient = at::ones({70000});
    gradient[69999] = bad;
    EXPECT_FALSE(measure_gradient_norm(gradients.set({gradient})).finite);
  }
}

TEST(GradientNorm, HasTheSameBitsForAnyThreadCount) {
  OneRankGradients gradients(parameters_of({1000003}));
  const ReducedGradients reduced = gradients.set({at::arange(1000003, at::kFloat).sin() * 1e-3F});
  const int threads_before = at::get_num_threads();
  at::set_num_threads(1);
  const double alone = measure_gradient_norm(reduced).value;
  for (const int threads : {2, 3, 7}) {
    at::set_num_threads(threads);
    EXPECT_EQ(measure_gradient_norm(reduced).value, alone);
  }
  at::set_num_threads(threads_before);
}

TEST(GradientNorm, ClipScaleIsOneUpToTheLimit) {
  EXPECT_EQ((GradientNorm{0.5, true}.clip_scale(1.0)), 1.0);
  EXPECT_EQ((GradientNorm{4.0, true}.clip_scale(1.0)), 0.25);
  EXPECT_EQ((GradientNorm{4.0, true}.clip_scale(0.0)), 1.0);
  EXPECT_EQ((GradientNorm{0.0, true}.clip_scale(1.0)), 1.0);
}

}  // namespace
}  // namespace lambert
