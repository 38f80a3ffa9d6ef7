// SPDX-License-Identifier: Apache-2.0
#include "ops/linear.h"

#include "ops/differentiable.h"
#include "ops/matmul_gradients.h"

namespace lambert {

at::Tensor linear(const at::Tensor& input, const LinearWeights& weights) {
  const at::Tensor x = input.detach().contiguous();
  const auto backward = [x, weights](const at::Tensor& above) -> std::vector<at::Tensor> {
    add_weight_gradient(above, x, weights.weight);
    add_bias_gradient(above, weights.bias);
    return {linear_input_gradient(above, weights.weight), {}, {}};
  };
  return differentiable(linear_product(x, weights.weight, weights.bias.master),
                        {input, weights.weight.master, weights.bias.master}, backward);
}

}  // namespace lambert
