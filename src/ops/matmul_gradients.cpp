// SPDX-License-Identifier: Apache-2.0
#include "ops/matmul_gradients.h"

#include <utility>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <ATen/record_function.h>

#include "kernels/column_sums.h"
#include "kernels/matmul.h"
#include "ops/parameter_gradient.h"
#include "ops/run_kernel.h"
#include "ops/tensor_views.h"

namespace lambert {

namespace {

/// A product that weight has a part in: result = left right + bias (+ result). result: (rows,
/// columns); bias: (columns) fp32 or undefined.
void multiply(const Weight& weight, const Matrix& left, const Matrix& right,
              const at::Tensor& result, const at::Tensor& bias, Accumulate accumulate) {
  const float* const bias_values = bias.defined() ? floats_of(bias) : nullptr;
  run_kernel(result, matmul_scratch_bytes, [&](const auto&... stream) {
    if constexpr (sizeof...(stream) == 0) {
      matmul(left, right, mutable_matrix_of(result), bias_values, accumulate);
    } else {
      matmul(stream..., left, right, mutable_matrix_of(result), bias_values, accumulate,
             weight.products ? weight.products->float32_products() : Float32Products::ieee);
    }
  });
}

/// sums += column sums of values. values: (T, C); sums: (C) fp32.
void add_column_sums(const at::Tensor& values, const at::Tensor& sums) {
  RECORD_USER_SCOPE("lambert::linear, bias gradient");
  const auto scratch = [&] { return column_sums_scratch_bytes(values.size(0), values.size(1)); };
  with_element_type(values, [&](auto element) {
    run_kernel(values, scratch, [&](const auto&... stream) {
      column_sums(stream..., data_of<decltype(element)>(values), values.size(0), values.size(1),
                  mutable_floats_of(sums));
    });
  });
}

}  // namespace

at::Tensor linear_product(const at::Tensor& input, const Weight& weight, const at::Tensor& bias) {
  RECORD_USER_SCOPE("lambert::linear, forward");
  const at::Tensor output = at::empty({input.size(0), weight.compute.size(0)}, input.options());
  const PackedMatrix* const copy =
      weight.products ? weight.products->forward_copy(weight.compute) : nullptr;
  if (copy != nullptr) {
    matmul(matrix_of(input), *copy, mutable_matrix_of(output),
           bias.defined() ? floats_of(bias) : nullptr);
  } else {
    multiply(weight, matrix_of(input), matrix_of(weight.compute).transposed(), output, bias,
             Accumulate::no);
  }
  return output;
}

at::Tensor linear_input_gradient(const at::Tensor& above, const Weight& weight) {
  RECORD_USER_SCOPE("lambert::linear, input gradient");
  const at::Tensor gradient = at::empty({above.size(0), weight.compute.size(1)}, above.options());
  const PackedMatrix* const copy =
      weight.products ? weight.products->input_gradient_copy(weight.compute) : nullptr;
  if (copy != nullptr) {
    matmul(matrix_of(above), *copy, mutable_matrix_of(gradient));
  } else {
    multiply(weight, matrix_of(above), matrix_of(weight.compute), gradient, {}, Accumulate::no);
  }
  return gradient;
}

void add_weight_gradient(const at::Tensor& above, const at::Tensor& input, const Weight& weight) {
  RECORD_USER_SCOPE("lambert::linear, weight gradient");
  if (input.size(0) == 0) {
    return;
  }
  const bool is_first =
      weight.gradient != nullptr && std::exchange(weight.gradient->is_stale, false);
  multiply(weight, matrix_of(above).transposed(), matrix_of(input),
           parameter_gradient(weight.master), {}, is_first ? Accumulate::no : Accumulate::yes);
}

void add_bias_gradient(const at::Tensor& above, const Weight& bias) {
  add_column_sums(above, parameter_gradient(bias.master));
}

void add_bias_gradients(const at::Tensor& above, const std::vector<Weight>& biases) {
  const at::Tensor sums = at::zeros({above.size(1)}, above.options().dtype(at::kFloat));
  add_column_sums(above, sums);
  std::int64_t column = 0;
  for (const Weight& bias : biases) {
    const std::int64_t count = bias.master.size(0);
    parameter_gradient(bias.master).add_(sums.narrow(0, column, count));
    column += count;
  }
}

}  // namespace lambert
