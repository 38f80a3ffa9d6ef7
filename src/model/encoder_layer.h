// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "config/run_config.h"
#include "kernels/bias_gelu.h"
#include "model/parameter_table.h"
#include "ops/self_attention.h"

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

  /// hidden: (T, H) in the compute type; so is the result.
  at::Tensor forward(const at::Tensor& hidden, const TokenRows& tokens,
                     const LayerDropouts& dropouts) const;

 private:
  SelfAttentionWeights attention_;
  LinearWeights attention_output_;
  NormLayer attention_norm_;
  LinearWeights intermediate_;
  LinearWeights output_;
  NormLayer output_norm_;
  std::int64_t heads_;
  GeluForm gelu_;
};

GeluForm gelu_form(Activation activation);

}  // namespace lambert
