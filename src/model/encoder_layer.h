// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "config/run_config.h"
#include "kernels/bias_gelu.h"
#include "model/kernel_choice.h"
#include "model/parameter_table.h"
#include "ops/self_attention.h"
#include "ops/weight_products.h"

namespace lambert {

/// The dropout of one layer's three sites; default: none.
struct LayerDropouts {
  Dropout attention;
  Dropout attention_output;
  Dropout output;
};

/// One post-LayerNorm Transformer layer.
class EncoderLayer {
 public:
  EncoderLayer(const ModelConfig& config, const ParameterTable& parameters, std::int64_t number);

  /// See BertForPreTraining.
  void choose_products(const std::map<MatrixShape, ProductForms>& of_shape,
                       std::int64_t row_count) const;
  void use(const KernelChoice& kernels);

  /// Copies weights that are used as one, where they do not lie so and have changed.
  void join_weights() const { attention_.joined->current(); }

  /// hidden: (T, H) in the compute type; so is the result.
  at::Tensor forward(const at::Tensor& hidden, const TokenRows& tokens,
                     const LayerDropouts& dropouts) const;

 private:
  /// Those that are multiplied with activations as they are.
  std::vector<Weight> matrices() const;

  SelfAttentionWeights attention_;
  LinearWeights attention_output_;
  NormLayer attention_norm_;
  LinearWeights intermediate_;
  LinearWeights output_;
  NormLayer output_norm_;
  std::int64_t heads_;
  GeluForm gelu_;
  AttentionKernel attention_kernel_ = AttentionKernel::tiled;
};

GeluForm gelu_form(Activation activation);

}  // namespace lambert
