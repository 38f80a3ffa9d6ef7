// SPDX-License-Identifier: Apache-2.0
#include "ops/linear_gelu.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <ATen/record_function.h>

#include "kernels/column_sums.h"
#include "ops/differentiable.h"
#include "ops/matmul_gradients.h"
#include "ops/parameter_gradient.h"
#include "ops/run_kernel.h"
#include "ops/tensor_views.h"

namespace lambert {

namespace {

/// product: (T, out), x W^T without bias.
at::Tensor add_bias_and_gelu(const at::Tensor& product, const at::Tensor& bias, GeluForm form) {
  RECORD_USER_SCOPE("lambert::bias and GELU");
  const at::Tensor output = at::empty_like(product);
  with_element_type(product, [&](auto element) {
    using T = decltype(element);
    run_kernel(product, [&](const auto&... stream) {
      bias_gelu_forward(stream..., form, data_of<T>(product), floats_of(bias), product.size(0),
                        product.size(1), mutable_data_of<T>(output));
    });
  });
  return output;
}

/// The gradient of product; the bias's is added to it.
at::Tensor gelu_backward(const at::Tensor& above, const at::Tensor& product, const at::Tensor& bias,
                         GeluForm form) {
  RECORD_USER_SCOPE("lambert::bias and GELU");
  const at::Tensor gradient = at::empty_like(product);
  const at::Tensor bias_gradient = parameter_gradient(bias);
  const auto scratch = [&] { return column_sums_scratch_bytes(above.size(0), above.size(1)); };
  with_element_type(above, [&](auto element) {
    using T = decltype(element);
    run_kernel(above, scratch, [&](const auto&... stream) {
      bias_gelu_backward(stream..., form, data_of<T>(above), data_of<T>(product), floats_of(bias),
                         above.size(0), above.size(1), mutable_data_of<T>(gradient),
                         mutable_floats_of(bias_gradient));
    });
  });
  return gradient;
}

}  // namespace

at::Tensor linear_gelu(const at::Tensor& input, const LinearWeights& weights, GeluForm form) {
  const at::Tensor x = input.detach().contiguous();
  const at::Tensor product = linear_product(x, weights.weight, {});
  const auto backward = [x, weights, product,
                         form](const at::Tensor& above) -> std::vector<at::Tensor> {
    const at::Tensor gradient = gelu_backward(above, product, weights.bias.master, form);
    add_weight_gradient(gradient, x, weights.weight);
    return {linear_input_gradient(gradient, weights.weight), {}, {}};
  };
  return differentiable(add_bias_and_gelu(product, weights.bias.master, form),
                        {input, weights.weight.master, weights.bias.master}, backward);
}

}  // namespace lambert
