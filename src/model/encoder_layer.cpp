// SPDX-License-Identifier: Apache-2.0
#include "model/encoder_layer.h"

#include "ops/linear_gelu.h"
#include "ops/linear_residual_norm.h"

namespace lambert {

GeluForm gelu_form(Activation activation) {
  return activation == Activation::gelu ? GeluForm::erf : GeluForm::tanh;
}

EncoderLayer::EncoderLayer(const ModelConfig& config, const ParameterTable& parameters,
                           std::int64_t number)
    : heads_(config.num_attention_heads), gelu_(gelu_form(config.hidden_act)) {
  const std::string prefix = "bert.encoder.layer." + std::to_string(number) + ".";
  attention_ = {parameters.linear(prefix + "attention.self.query"),
                parameters.linear(prefix + "attention.self.key"),
                parameters.linear(prefix + "attention.self.value"), nullptr};
  attention_.joined = std::make_shared<JoinedLinear>(
      std::vector<LinearWeights>{attention_.query, attention_.key, attention_.value});
  attention_output_ = parameters.linear(prefix + "attention.output.dense");
  attention_norm_ = parameters.norm(prefix + "attention.output.LayerNorm", config.layer_norm_eps);
  intermediate_ = parameters.linear(prefix + "intermediate.dense");
  output_ = parameters.linear(prefix + "output.dense");
  output_norm_ = parameters.norm(prefix + "output.LayerNorm", config.layer_norm_eps);
}

std::vector<Weight> EncoderLayer::matrices() const {
  return {attention_.joined->current().weight, attention_output_.weight, intermediate_.weight,
          output_.weight};
}

void EncoderLayer::choose_products(const std::map<MatrixShape, ProductForms>& of_shape,
                                   std::int64_t row_count) const {
  for (const Weight& weight : matrices()) {
    const MatrixShape shape{weight.compute.size(0), weight.compute.size(1)};
    weight.products->choose(of_shape.at(shape), row_count);
  }
}

void EncoderLayer::use(const KernelChoice& kernels) {
  attention_kernel_ = kernels.attention;
  attention_.joined->products().use(kernels.float32_products);
}

at::Tensor EncoderLayer::forward(const at::Tensor& hidden, const TokenRows& tokens,
                                 const LayerDropouts& dropouts) const {
  const at::Tensor context =
      self_attention(hidden, attention_, tokens, heads_, dropouts.attention, attention_kernel_);
  const at::Tensor attended = linear_residual_norm(
      context, attention_output_, hidden, attention_norm_, tokens, dropouts.attention_output);
  const at::Tensor inner = linear_gelu(attended, intermediate_, gelu_);
  return linear_residual_norm(inner, output_, attended, output_norm_, tokens, dropouts.output);
}

}  // namespace lambert
