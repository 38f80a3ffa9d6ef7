// SPDX-License-Identifier: Apache-2.0
#include "ops/matmul_gradients.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include "kernels/column_sums.h"
#include "kernels/matmul.h"
#include "ops/parameter_gradient.h"
#include "ops/tensor_views.h"

namespace lambert {

at::Tensor linear_product(const at::Tensor& input, const at::Tensor& weight,
                          const at::Tensor& bias) {
  const at::Tensor output = at::empty({input.size(0), weight.size(0)}, input.options());
  linear_product_into(input, weight, bias, output);
  return output;
}

void linear_product_into(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                         const at::Tensor& output) {
  RECORD_USER_SCOPE("lambert::linear, forward");
  matmul(matrix_of(input), matrix_of(weight).transposed(), mutable_matrix_of(output),
         bias.defined() ? floats_of(bias) : nullptr);
}

at::Tensor linear_input_gradient(const at::Tensor& above, const at::Tensor& weight) {
  RECORD_USER_SCOPE("lambert::linear, input gradient");
  const at::Tensor gradient = at::empty({above.size(0), weight.size(1)}, above.options());
  matmul(matrix_of(above), matrix_of(weight), mutable_matrix_of(gradient));
  return gradient;
}

void add_weight_gradient(const at::Tensor& above, const at::Tensor& input, const Weight& weight) {
  RECORD_USER_SCOPE("lambert::linear, weight gradient");
  if (input.size(0) > 0) {
    matmul(matrix_of(above).transposed(), matrix_of(input),
           mutable_matrix_of(parameter_gradient(weight.master)), nullptr, Accumulate::yes);
  }
}

void add_bias_gradient(const at::Tensor& above, const Weight& bias) {
  RECORD_USER_SCOPE("lambert::linear, bias gradient");
  with_element_type(above, [&](auto element) {
    column_sums(data_of<decltype(element)>(above), above.size(0), above.size(1),
                mutable_floats_of(parameter_gradient(bias.master)));
  });
}

}  // namespace lambert
