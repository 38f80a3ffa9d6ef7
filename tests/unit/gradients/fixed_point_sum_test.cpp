// SPDX-License-Identifier: Apache-2.0
#include "gradients/fixed_point_sum.h"

#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace lambert {
namespace {

constexpr std::int64_t kElements = 70'000;  // more than one task
constexpr std::int64_t kTerms = 24;

std::vector<at::Tensor> random_terms() {
  std::vector<at::Tensor> terms;
  for (std::int64_t i = 0; i < kTerms; ++i) {
    terms.push_back(at::randn({kElements}) * 1e-4);
  }
  return terms;
}

at::Tensor sum_of(FixedPointSum& sum) {
  at::Tensor values = at::empty({kElements}, at::kFloat);
  sum.move_to(values);
  return values;
}

TEST(FixedPointSum, IsTheSameInEveryOrderAndGrouping) {
  const std::vector<at::Tensor> terms = random_terms();
  FixedPointSum forwards(kElements);
  FixedPointSum first_half(kElements);
  FixedPointSum second_half(kElements);
  for (std::int64_t i = 0; i < kTerms; ++i) {
    const auto index = static_cast<std::size_t>(i);
    forwards.add(terms[index], kTerms);
    (i < kTerms / 2 ? second_half : first_half).add(terms[terms.size() - 1 - index], kTerms);
  }
  for (std::size_t i = 0; i < first_half.integers().size(); ++i) {
    first_half.integers()[i] += second_half.integers()[i];  // what the ring does
  }
  EXPECT_TRUE(at::equal(sum_of(forwards), sum_of(first_half)));
}

TEST(FixedPointSum, IsCloserToTheDoubleSumThanFp32Adding) {
  const std::vector<at::Tensor> terms = random_terms();
  FixedPointSum sum(kElements);
  at::Tensor exact = at::zeros({kElements}, at::kDouble);
  at::Tensor plain = at::zeros({kElements}, at::kFloat);
  for (const at::Tensor& term : terms) {
    sum.add(term, kTerms);
    exact += term.to(at::kDouble);
    plain += term;
  }
  const auto error = [&exact](const at::Tensor& found) {
    return ((found.to(at::kDouble) - exact).norm() / exact.norm()).item<double>();
  };
  const double fixed_point_error = error(sum_of(sum));
  EXPECT_LT(fixed_point_error, 5e-8);
  EXPECT_LT(fixed_point_error, error(plain));
}

TEST(FixedPointSum, StartsAgainFromZero) {
  FixedPointSum sum(kElements);
  sum.add(at::ones({kElements}), 1);
  sum_of(sum);
  EXPECT_TRUE(at::equal(sum_of(sum), at::zeros({kElements})));
}

TEST(FixedPointSum, IsNotANumberWhenATermDoesNotFit) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -3e5F}) {
    FixedPointSum sum(kElements);
    at::Tensor term = at::ones({kElements});
    term[7] = bad;
    sum.add(at::ones({kElements}), 2);
    sum.add(term, 2);
    EXPECT_TRUE(at::isnan(sum_of(sum)).all().item<bool>()) << bad;
    EXPECT_TRUE(at::equal(sum_of(sum), at::zeros({kElements}))) << "the next step is clean";
  }
}

TEST(FixedPointSum, HoldsTermsUpToItsLimit) {
  FixedPointSum sum(kElements);
  for (int i = 0; i < 4; ++i) {
    sum.add(at::full({kElements}, 65'000.0F), 4);
  }
  EXPECT_TRUE(at::equal(sum_of(sum), at::full({kElements}, 260'000.0F)));
}

}  // namespace
}  // namespace lambert
