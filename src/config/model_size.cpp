// SPDX-License-Identifier: Apache-2.0
#include "config/model_size.h"

#include <algorithm>

namespace lambert {
namespace {

constexpr std::int64_t kFp32Bytes = 4;
constexpr std::int64_t kBf16Bytes = 2;

/// H, I, V as in the shapes below.
std::int64_t dense_layer(std::int64_t inputs, std::int64_t outputs) {
  return inputs * outputs + outputs;
}

std::int64_t layer_norm(std::int64_t width) {
  return 2 * width;
}  // gain and bias

/// Bytes kept from the forward to the backward pass of one micro-batch of B sequences of length S,
/// with A heads and P masked positions (counted as in Korthikanti et al. 2022, section 4.1, without
/// stored dropout masks):
///   per layer and token  9 H (input, query, key, value, context, two residual sums, two LayerNorm
///   outputs)
///                        + 2 I (before and after the activation) + A S (attention probabilities),
///   embeddings           3 H per token,
///   heads                3 H per masked position, and 2 V of fp32 logits and their gradient.
double activation_bytes(const ModelConfig& model, Precision precision, const PhaseConfig& phase,
                        std::int64_t micro_batch) {
  const double element =
      static_cast<double>(precision == Precision::bf16 ? kBf16Bytes : kFp32Bytes);
  const auto batch = static_cast<double>(micro_batch);
  const auto length = static_cast<double>(phase.max_seq_length);
  const auto width = static_cast<double>(model.hidden_size);
  const double per_layer_and_token = 9 * width + 2 * static_cast<double>(model.intermediate_size) +
                                     static_cast<double>(model.num_attention_heads) * length;
  const double per_token =
      static_cast<double>(model.num_hidden_layers) * per_layer_and_token + 3 * width;
  const double per_masked_position =
      3 * width * element + 2.0 * kFp32Bytes * static_cast<double>(model.vocab_size);
  const double masked = batch * static_cast<double>(phase.max_predictions_per_seq);
  return batch * length * per_token * element + masked * per_masked_position;
}

}  // namespace

std::int64_t parameter_count(const ModelConfig& model) {
  const std::int64_t width = model.hidden_size;
  const std::int64_t table_rows =
      model.vocab_size + model.max_position_embeddings + model.type_vocab_size;
  const std::int64_t embeddings = table_rows * width + layer_norm(width);
  const std::int64_t attention = 4 * dense_layer(width, width) + layer_norm(width);
  const std::int64_t feed_forward = dense_layer(width, model.intermediate_size) +
                                    dense_layer(model.intermediate_size, width) + layer_norm(width);
  const std::int64_t pooler = dense_layer(width, width);
  const std::int64_t mlm_head = dense_layer(width, width) + layer_norm(width) + model.vocab_size;
  const std::int64_t nsp_head = dense_layer(width, 2);
  return embeddings + model.num_hidden_layers * (attention + feed_forward) + pooler + mlm_head +
         nsp_head;
}

std::int64_t parameter_tensor_count(const ModelConfig& model) {
  constexpr std::int64_t kEmbeddings = 5;  // three tables, LayerNorm
  constexpr std::int64_t kPerLayer = 16;   // six dense layers, two LayerNorms
  constexpr std::int64_t kHeads = 9;       // pooler, MLM dense + LayerNorm + bias, NSP
  return kEmbeddings + kPerLayer * model.num_hidden_layers + kHeads;
}

MemoryEstimate estimate_memory(const ModelConfig& model, Precision precision,
                               const PhaseConfig& phase, std::int64_t micro_batch) {
  const std::int64_t parameters = parameter_count(model);
  MemoryEstimate memory;
  memory.weights = kFp32Bytes * parameters;
  memory.compute_weights = precision == Precision::bf16 ? kBf16Bytes * parameters : 0;
  memory.gradients = kFp32Bytes * parameters;
  memory.moments = 2 * kFp32Bytes * parameters;
  constexpr double kLargest =
      4e18;  // the largest accepted sizes multiply to more than 64 bits hold
  memory.activations = static_cast<std::int64_t>(
      std::min(kLargest, activation_bytes(model, precision, phase, micro_batch)));
  return memory;
}

}  // namespace lambert
