// SPDX-License-Identifier: Apache-2.0
#include "ops/weight_products.h"

#include <algorithm>
#include <functional>
#include <limits>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>

#include "base/clock.h"
#include "ops/tensor_views.h"

namespace lambert {
namespace {

/// A product is packed when it takes less than this share of the direct one's time.
constexpr double kLargestShare = 0.99;

double seconds_of(const std::function<void()>& work) {
  const Stopwatch watch;
  work();
  return watch.seconds();
}

/// left (rows, in) times right (in, out), once in each form.
bool gives_equal_bits(const at::Tensor& left, const Matrix& right, const PackedMatrix& packed) {
  const at::Tensor direct_result = at::empty({left.size(0), right.columns}, left.options());
  const at::Tensor packed_result = at::empty_like(direct_result);
  matmul(matrix_of(left), right, mutable_matrix_of(direct_result));
  matmul(matrix_of(left), packed, mutable_matrix_of(packed_result));
  return at::equal(direct_result, packed_result);
}

/// The two forms in turn, so that other work on the machine meets both; the fastest of each.
ProductTimes measure(const at::Tensor& left, const Matrix& right) {
  constexpr int kRounds = 6;
  PackedMatrix packed;
  const at::Tensor result = at::empty({left.size(0), right.columns}, left.options());
  ProductTimes times;
  times.direct = times.packed = times.packing = std::numeric_limits<double>::infinity();
  packed.pack(right, left.size(0));
  times.equal_bits = gives_equal_bits(left, right, packed) &&
                     gives_equal_bits(left.slice(0, 0, left.size(0) / 2 + 1), right, packed);
  for (int round = 0; round < kRounds; ++round) {
    times.direct =
        std::min(times.direct,
                 seconds_of([&] { matmul(matrix_of(left), right, mutable_matrix_of(result)); }));
    times.packed =
        std::min(times.packed,
                 seconds_of([&] { matmul(matrix_of(left), packed, mutable_matrix_of(result)); }));
    times.packing = std::min(times.packing, seconds_of([&] { packed.pack(right, left.size(0)); }));
  }
  return times;
}

ProductForm choose_form(const ProductTimes& times, std::int64_t uses) {
  const double packed = times.packed + times.packing / static_cast<double>(uses);
  return times.equal_bits && packed < kLargestShare * times.direct ? ProductForm::packed
                                                                   : ProductForm::direct;
}

}  // namespace

void WeightProducts::choose(const ProductForms& forms, std::int64_t row_count) {
  forms_ = forms;
  row_count_ = row_count;
}

const PackedMatrix* WeightProducts::current(ProductForm form, Copy& copy, const at::Tensor& compute,
                                            bool transposed) const {
  if (form == ProductForm::direct) {
    return nullptr;
  }
  const auto version = static_cast<std::int64_t>(compute._version());
  if (copy.version != version) {
    const Matrix weight = matrix_of(compute);
    copy.matrix.pack(transposed ? weight.transposed() : weight, row_count_);
    copy.version = version;
  }
  return &copy.matrix;
}

const PackedMatrix* WeightProducts::forward_copy(const at::Tensor& compute) {
  return current(forms_.forward, forward_, compute, true);
}

const PackedMatrix* WeightProducts::input_gradient_copy(const at::Tensor& compute) {
  return current(forms_.input_gradient, input_gradient_, compute, false);
}

WeightTimes measure_products(std::int64_t inputs, std::int64_t outputs, std::int64_t row_count,
                             at::ScalarType type) {
  const at::TensorOptions options(type);
  const at::Tensor weight = at::randn({outputs, inputs}).to(options);
  const at::Tensor input = at::randn({row_count, inputs}).to(options);
  const at::Tensor above = at::randn({row_count, outputs}).to(options);
  return {measure(input, matrix_of(weight).transposed()), measure(above, matrix_of(weight))};
}

ProductForms choose_forms(const WeightTimes& times, std::int64_t uses) {
  return {choose_form(times.forward, uses), choose_form(times.input_gradient, uses)};
}

}  // namespace lambert
