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

/// What a layer keeps of one token from the forward to the backward pass: its input, query, key,
/// value, context, two residual sums, the first LayerNorm's output (H each), and the feed-forward
/// product before and after the activation (I each).
double layer_elements(const ModelConfig& model) {
  return 8.0 * static_cast<double>(model.hidden_size) +
         2.0 * static_cast<double>(model.intermediate_size);
}

/// What the allocator's holes add to the kept tensors (measured).
constexpr double kAllocatorShare = 1.22;

/// Bytes of activations at the turn from the forward to the backward pass of one micro-batch of
/// full length, with the head's logits or the temporary tensors of the first layer of the backward
/// pass, whichever are larger.
double activation_bytes(const RunConfig& config, const PhaseConfig& phase,
                        std::int64_t micro_batch) {
  const ModelConfig& model = config.model;
  const auto element =
      static_cast<double>(config.precision == Precision::bf16 ? kBf16Bytes : kFp32Bytes);
  const auto tokens = static_cast<double>(micro_batch) * static_cast<double>(phase.max_seq_length);
  const auto width = static_cast<double>(model.hidden_size);
  const auto inner = static_cast<double>(model.intermediate_size);
  const auto layers = static_cast<double>(model.num_hidden_layers);
  // Beside the elements: mean and deviation of two LayerNorms and a number per head, fp32.
  const double per_layer = layer_elements(model) * element +
                           (4.0 + static_cast<double>(model.num_attention_heads)) * kFp32Bytes;
  const double kept =
      config.gradient_checkpointing ? layers * width * element + per_layer : layers * per_layer;
  const double temporary = (2.0 * inner + 3.0 * width) * element;
  const double masked =
      static_cast<double>(micro_batch) * static_cast<double>(phase.max_predictions_per_seq);
  const double head = masked * (6.0 * width + static_cast<double>(model.vocab_size)) * element;
  return kAllocatorShare * tokens * kept + std::max(tokens * temporary, head);
}

/// Of a program that has done nothing yet: LibTorch, oneDNN, Open MPI, and what they make of the
/// first products (measured).
constexpr std::int64_t kProgramBytes = 190'000'000;

/// Of all layers: query, key, value, their output, and the two of the feed-forward part.
std::int64_t encoder_matrix_elements(const ModelConfig& model) {
  return model.num_hidden_layers * (4 * model.hidden_size * model.hidden_size +
                                    2 * model.hidden_size * model.intermediate_size);
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

MemoryEstimate estimate_memory(const RunConfig& config, const PhaseConfig& phase,
                               std::int64_t micro_batch) {
  const std::int64_t parameters = parameter_count(config.model);
  const std::int64_t moments = config.optimizer.name == OptimizerName::lars ? 1 : 2;
  const bool fixed_point = config.communication.reduction == Reduction::reproducible;
  MemoryEstimate memory;
  memory.program = kProgramBytes;
  memory.weights = kFp32Bytes * parameters;
  const bool is_bf16 = config.precision == Precision::bf16;
  memory.compute_weights = is_bf16 ? kBf16Bytes * parameters : 0;
  if (config.pack_weights) {
    memory.compute_weights +=
        2 * (is_bf16 ? kBf16Bytes : kFp32Bytes) * encoder_matrix_elements(config.model);
  }
  memory.gradients = (kFp32Bytes + (fixed_point ? kFixedPointBytes : 0)) * parameters;
  memory.moments = moments * kFp32Bytes * parameters;
  constexpr double kLargest =
      4e18;  // the largest accepted sizes multiply to more than 64 bits hold
  memory.activations =
      static_cast<std::int64_t>(std::min(kLargest, activation_bytes(config, phase, micro_batch)));
  return memory;
}

}  // namespace lambert
