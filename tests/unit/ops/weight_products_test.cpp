// SPDX-License-Identifier: Apache-2.0
#include "ops/weight_products.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include "kernels/matmul.h"
#include "ops/linear.h"

namespace lambert {
namespace {

constexpr ProductForms kPacked = {ProductForm::packed, ProductForm::packed};

/// y = x W^T + b and its gradients for `above` all ones.
struct Results {
  at::Tensor output;
  at::Tensor input_gradient;
  at::Tensor weight_gradient;
};

LinearWeights make_weights(std::int64_t outputs, std::int64_t inputs, at::ScalarType type) {
  const auto leaf = [](const at::Tensor& values) {
    values.requires_grad_(true);
    values.mutable_grad() = at::zeros_like(values);
    return values;
  };
  const at::Tensor master = at::randn({outputs, inputs});
  const at::Tensor bias = at::randn({outputs});
  const at::Tensor compute = type == at::kFloat ? master : master.to(type);
  return {{leaf(master), compute, std::make_shared<WeightProducts>()}, {leaf(bias), bias}};
}

Results run(const LinearWeights& weights, const at::Tensor& input) {
  weights.weight.master.mutable_grad().zero_();
  const at::Tensor leaf = input.detach().requires_grad_(true);
  const at::Tensor output = linear(leaf, weights);
  output.sum().backward();
  return {output.detach(), leaf.grad(), weights.weight.master.grad().clone()};
}

void expect_equal(const Results& left, const Results& right) {
  EXPECT_TRUE(at::equal(left.output, right.output));
  EXPECT_TRUE(at::equal(left.input_gradient, right.input_gradient));
  EXPECT_TRUE(at::equal(left.weight_gradient, right.weight_gradient));
}

/// Without AVX-512 oneDNN adds in an order that depends on the form: choose_products does not pack
/// there.
void expect_products_of_equal_worth(const Results& left, const Results& right) {
  if (multiplies_bfloat16()) {
    expect_equal(left, right);
    return;
  }
  EXPECT_TRUE(at::allclose(left.output, right.output, 1e-2, 1e-5));
  EXPECT_TRUE(at::allclose(left.input_gradient, right.input_gradient, 1e-2, 1e-5));
  EXPECT_TRUE(at::equal(left.weight_gradient, right.weight_gradient));
}

TEST(WeightProducts, PackedCopiesGiveTheBitsOfTheTensorsThemselves) {
  at::manual_seed(1);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    for (const std::int64_t rows : {1, 64, 333}) {
      const LinearWeights weights = make_weights(192, 96, type);
      const at::Tensor input = at::randn({rows, 96}).to(type);
      const Results direct = run(weights, input);
      weights.weight.products->choose(kPacked, 256);
      expect_products_of_equal_worth(run(weights, input), direct);
    }
  }
}

TEST(WeightProducts, ACopyFollowsAChangeOfTheWeight) {
  at::manual_seed(2);
  const LinearWeights weights = make_weights(64, 32, at::kBFloat16);
  const at::Tensor input = at::randn({16, 32}).to(at::kBFloat16);
  weights.weight.products->choose(kPacked, 16);
  const Results before = run(weights, input);
  // As the optimizer does: through the pointer, then the version.
  auto* const bits = static_cast<std::uint16_t*>(weights.weight.compute.mutable_data_ptr());
  bits[5] ^= 1U << 15U;  // the sign
  weights.weight.compute.unsafeGetTensorImpl()->bump_version();
  const Results after = run(weights, input);
  EXPECT_FALSE(at::equal(before.output, after.output));
  weights.weight.products->choose({}, 16);
  expect_equal(run(weights, input), after);
}

TEST(WeightProducts, PacksOnlyWhatPaysAndKeepsTheBits) {
  const ProductTimes pays{10.0, 8.0, 1.0, true};
  const ProductTimes costs{10.0, 9.5, 1.0, true};
  const ProductTimes changes_bits{10.0, 5.0, 1.0, false};
  EXPECT_EQ(choose_forms({pays, costs}, 1),
            (ProductForms{ProductForm::packed, ProductForm::direct}));
  EXPECT_EQ(choose_forms({costs, costs}, 8), kPacked);  // the packing is shared by eight
  EXPECT_EQ(choose_forms({changes_bits, pays}, 1),
            (ProductForms{ProductForm::direct, ProductForm::packed}));
}

TEST(WeightProducts, AMeasurementSeesEqualBits) {
  const WeightTimes times = measure_products(48, 96, 64, at::kFloat);
  EXPECT_TRUE(times.forward.equal_bits);
  EXPECT_TRUE(times.input_gradient.equal_bits);
  EXPECT_GT(times.forward.direct, 0.0);
  EXPECT_GT(times.input_gradient.packing, 0.0);
}

}  // namespace
}  // namespace lambert
