// SPDX-License-Identifier: Apache-2.0
#include "ops/self_attention.h"

#include "ops/differentiable.h"
#include "ops/matmul_gradients.h"

namespace lambert {

at::Tensor self_attention(const at::Tensor& input, const SelfAttentionWeights& weights,
                          const TokenRows& tokens, std::int64_t heads, const Dropout& dropout,
                          AttentionKernel kernel) {
  const at::Tensor x = input.detach().contiguous();
  const LinearWeights joined = weights.joined->current();
  const Attention attention =
      attend(kernel, linear_product(x, joined.weight, joined.bias.master), tokens, heads, dropout);
  const auto backward = [x, weights, joined, attend_backward = attention.backward](
                            const at::Tensor& above) -> std::vector<at::Tensor> {
    const at::Tensor gradient = attend_backward(above);  // (T, 3 H)
    const std::int64_t width = gradient.size(1) / 3;
    add_weight_gradient(gradient.narrow(1, 0, width), x, weights.query.weight);
    add_weight_gradient(gradient.narrow(1, width, width), x, weights.key.weight);
    add_weight_gradient(gradient.narrow(1, 2 * width, width), x, weights.value.weight);
    add_bias_gradients(gradient, {weights.query.bias, weights.key.bias, weights.value.bias});
    return {linear_input_gradient(gradient, joined.weight), {}, {}, {}, {}, {}, {}};
  };
  return differentiable(
      attention.output,
      {input, weights.query.weight.master, weights.query.bias.master, weights.key.weight.master,
       weights.key.bias.master, weights.value.weight.master, weights.value.bias.master},
      backward);
}

}  // namespace lambert
