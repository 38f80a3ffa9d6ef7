// SPDX-License-Identifier: Apache-2.0
#include "kernels/bias_gelu.h"

#include <cmath>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>

namespace lambert {
namespace {

double gelu(GeluForm form, double x) {
  if (form == GeluForm::erf) {
    return 0.5 * x * (1.0 + std::erf(x / std::numbers::sqrt2));
  }
  return 0.5 * x *
         (1.0 + std::tanh(std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}

double gelu_slope(GeluForm form, double x) {
  constexpr double kStep = 1e-5;
  return (gelu(form, x + kStep) - gelu(form, x - kStep)) / (2.0 * kStep);
}

class BiasGelu : public testing::TestWithParam<GeluForm> {
 protected:
  static constexpr std::int64_t kRows = 41;
  static constexpr std::int64_t kColumns = 20;
  BiasGelu() : input_(kRows * kColumns), bias_(kColumns) {
    for (std::size_t i = 0; i < input_.size(); ++i) {
      input_[i] = static_cast<float>(i) * 0.03F - 12.0F;
    }
    for (std::size_t i = 0; i < bias_.size(); ++i) {
      bias_[i] = 0.1F * static_cast<float>(i) - 1.0F;
    }
  }
  double argument(std::size_t i) const {
    return static_cast<double>(input_[i] + bias_[i % static_cast<std::size_t>(kColumns)]);
  }
  std::vector<float> input_;
  std::vector<float> bias_;
};

TEST_P(BiasGelu, ForwardEqualsTheFormulaInDouble) {
  std::vector<float> output(input_.size());
  bias_gelu_forward(GetParam(), input_.data(), bias_.data(), kRows, kColumns, output.data());
  for (std::size_t i = 0; i < output.size(); ++i) {
    EXPECT_NEAR(output[i], gelu(GetParam(), argument(i)), 2e-6) << argument(i);
  }
}

TEST_P(BiasGelu, BackwardIsTheSlopeAndTheBiasGradientItsColumnSum) {
  const std::vector<float> above(input_.size(), 2.0F);
  std::vector<float> gradient(input_.size());
  std::vector<float> bias_gradient(bias_.size());
  bias_gelu_backward(GetParam(), above.data(), input_.data(), bias_.data(), kRows, kColumns,
                     gradient.data(), bias_gradient.data());
  std::vector<double> sums(bias_.size());
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    EXPECT_NEAR(gradient[i], 2.0 * gelu_slope(GetParam(), argument(i)), 4e-6) << argument(i);
    sums[i % sums.size()] += static_cast<double>(gradient[i]);
  }
  for (std::size_t c = 0; c < sums.size(); ++c) {
    EXPECT_NEAR(bias_gradient[c], sums[c], 1e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(BothForms, BiasGelu, testing::Values(GeluForm::erf, GeluForm::tanh));

}  // namespace
}  // namespace lambert
