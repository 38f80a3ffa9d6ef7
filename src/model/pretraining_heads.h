// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/bias_gelu.h"
#include "model/bert_for_pretraining.h"
#include "model/model_tensors.h"
#include "model/parameter_table.h"

namespace lambert {

/// Masked-language-model head, on the masked positions only, and next-sentence head.
class PretrainingHeads {
 public:
  PretrainingHeads(const ModelConfig& config, const ParameterTable& parameters);

  /// hidden: (T, H) in the compute type.
  PretrainingLoss loss(const at::Tensor& hidden, const PretrainingTensors& inputs) const;
  /// (N, V) and (B, 2), fp32, on the host; hidden_states is left empty.
  PretrainingLogits logits(const at::Tensor& hidden, const PretrainingTensors& inputs) const;

 private:
  at::Tensor transform_masked(const at::Tensor& hidden, const PretrainingTensors& inputs) const;
  at::Tensor next_sentence_logits(const at::Tensor& hidden, const PretrainingTensors& inputs) const;

  Weight words_;
  Weight decoder_bias_;
  LinearWeights transform_;
  NormLayer transform_norm_;
  LinearWeights pooler_;
  LinearWeights next_sentence_;
  GeluForm gelu_;
};

}  // namespace lambert
