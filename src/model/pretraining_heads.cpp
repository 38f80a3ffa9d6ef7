// SPDX-License-Identifier: Apache-2.0
#include "model/pretraining_heads.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/tanh.h>

#include "model/encoder_layer.h"
#include "ops/linear.h"
#include "ops/linear_gelu.h"
#include "ops/linear_residual_norm.h"
#include "ops/tied_decoder_loss.h"

namespace lambert {

PretrainingHeads::PretrainingHeads(const ModelConfig& config, const ParameterTable& parameters)
    : words_(parameters.weight("bert.embeddings.word_embeddings.weight")),
      decoder_bias_(parameters.weight("cls.predictions.bias")),
      transform_(parameters.linear("cls.predictions.transform.dense")),
      transform_norm_(
          parameters.norm("cls.predictions.transform.LayerNorm", config.layer_norm_eps)),
      pooler_(parameters.linear("bert.pooler.dense")),
      next_sentence_(parameters.linear("cls.seq_relationship")),
      gelu_(gelu_form(config.hidden_act)) {}

at::Tensor PretrainingHeads::transform_masked(const at::Tensor& hidden,
                                              const PretrainingTensors& inputs) const {
  const at::Tensor masked = hidden.index_select(0, inputs.masked_positions);
  return layer_norm(linear_gelu(masked, transform_, gelu_), transform_norm_);
}

at::Tensor PretrainingHeads::next_sentence_logits(const at::Tensor& hidden,
                                                  const PretrainingTensors& inputs) const {
  const at::Tensor& starts = inputs.encoder.tokens.starts;
  const at::Tensor first = hidden.index_select(0, starts.slice(0, 0, starts.size(0) - 2));
  return linear(at::tanh(linear(first, pooler_)), next_sentence_).to(at::kFloat);
}

PretrainingLoss PretrainingHeads::loss(const at::Tensor& hidden,
                                       const PretrainingTensors& inputs) const {
  const DecoderLoss masked = tied_decoder_loss(transform_masked(hidden, inputs), words_,
                                               decoder_bias_, inputs.masked_labels);
  const at::Tensor next = next_sentence_logits(hidden, inputs);
  PretrainingLoss loss;
  loss.mlm_sum = masked.sum;
  loss.nsp_sum = at::cross_entropy_loss(next, inputs.next_sentence_labels, {}, at::Reduction::Sum);
  loss.masked_tokens = inputs.masked_tokens;
  loss.sequences = inputs.next_sentence_labels.numel();
  loss.mlm_correct = masked.correct;
  loss.nsp_correct = next.detach().argmax(1).eq(inputs.next_sentence_labels).sum();
  return loss;
}

PretrainingLogits PretrainingHeads::logits(const at::Tensor& hidden,
                                           const PretrainingTensors& inputs) const {
  PretrainingLogits result;
  result.mlm = linear(transform_masked(hidden, inputs), {words_, decoder_bias_})
                   .slice(0, 0, inputs.masked_tokens)
                   .to(at::kFloat)
                   .cpu();
  result.nsp = next_sentence_logits(hidden, inputs).cpu();
  return result;
}

}  // namespace lambert
