// SPDX-License-Identifier: Apache-2.0
#include "config/model_size.h"

#include <algorithm>

namespace lambert {
namespace {

constexpr std::int64_t kFp32Bytes = 4;

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

/// Bytes of activations at the turn from the forward to the backward pass of one micro-batch of
/// full length, with the head's tensors or the temporary tensors of the first layer of the backward
/// pass, whichever are larger.
std::int64_t activation_bytes(const RunConfig& config, double tokens, double head_elements) {
  const ModelConfig& model = config.model;
  const auto element = static_cast<double>(compute_bytes(config.precision));
  const auto width = static_cast<double>(model.hidden_size);
  const auto inner = static_cast<double>(model.intermediate_size);
  const auto layers = static_cast<double>(model.num_hidden_layers);
  // Beside the elements: mean and deviation of two LayerNorms and a number per head, fp32.
  const double per_layer = layer_elements(model) * element +
                           (4.0 + static_cast<double>(model.num_attention_heads)) * kFp32Bytes;
  const double kept =
      config.gradient_checkpointing ? layers * width * element + per_layer : layers * per_layer;
  const double temporary = (2.0 * inner + 3.0 * width) * element;
  constexpr double kLargest =
      4e18;  // the largest accepted sizes multiply to more than 64 bits hold
  return static_cast<std::int64_t>(
      std::min(kLargest, tokens * kept + std::max(tokens * temporary, head_elements * element)));
}

/// Of the masked tokens' rows and logits.
double pretraining_head_elements(const ModelConfig& model, double masked_tokens) {
  return masked_tokens *
         (6.0 * static_cast<double>(model.hidden_size) + static_cast<double>(model.vocab_size));
}

/// Of one micro-batch of so many sequences of full length.
std::int64_t phase_activation_bytes(const RunConfig& config, const PhaseConfig& phase,
                                    double sequences) {
  return activation_bytes(
      config, sequences * static_cast<double>(phase.max_seq_length),
      pretraining_head_elements(config.model,
                                sequences * static_cast<double>(phase.max_predictions_per_seq)));
}

/// What graphs take beside `activations`, those of so many sequences. A micro-batch that is too
/// long with padding may be short enough without, so that the largest recorded one counts twice.
std::int64_t graph_bytes(const RunConfig& config, const PhaseConfig& phase, double sequences,
                         std::int64_t activations) {
  if (config.device != DeviceKind::cuda || config.cuda_graphs == AutoFlag::off) {
    return 0;
  }
  const double largest = config.cuda_graphs == AutoFlag::on
                             ? sequences
                             : std::min(sequences, static_cast<double>(kLargestRecordedByDefault) /
                                                       static_cast<double>(phase.max_seq_length));
  return std::max<std::int64_t>(0,
                                2 * phase_activation_bytes(config, phase, largest) - activations);
}

/// Beside the fp32 master weights.
std::int64_t copy_bytes(Precision precision) {
  return precision == Precision::fp32 ? 0 : compute_bytes(precision);
}

/// What a model holds while it is trained.
void add_trained_parameters(const RunConfig& config, std::int64_t parameters, std::int64_t moments,
                            MemoryEstimate& memory) {
  const bool fixed_point = config.communication.reduction == Reduction::reproducible;
  memory.weights += kFp32Bytes * parameters;
  memory.compute_weights += copy_bytes(config.precision) * parameters;
  memory.gradients += (kFp32Bytes + (fixed_point ? kFixedPointBytes : 0)) * parameters;
  memory.moments += moments * kFp32Bytes * parameters;
}

/// Of all layers: query, key and value.
std::int64_t joined_matrix_elements(const ModelConfig& model) {
  return model.num_hidden_layers * 3 * model.hidden_size * model.hidden_size;
}

/// Sharded: this rank's share of the state. In fp32 the forward pass reads all master weights.
/// Weights then lie in the order of the buckets, so that query, key and value are copied for their
/// one product.
void share_optimizer_state(const RunConfig& config, std::int64_t parameters, std::int64_t ranks,
                           MemoryEstimate& memory) {
  const std::int64_t copies = copy_bytes(config.precision) * parameters;
  memory.before_sharding =
      memory.program + memory.weights + copies + kFp32Bytes * parameters;  // with the gradients
  memory.moments /= ranks;
  memory.weights /= copies > 0 ? ranks : 1;
  memory.compute_weights += compute_bytes(config.precision) * joined_matrix_elements(config.model);
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

std::int64_t question_answering_parameter_count(const ModelConfig& model) {
  const std::int64_t width = model.hidden_size;
  const std::int64_t pretraining_heads =
      2 * dense_layer(width, width) + layer_norm(width) + model.vocab_size + dense_layer(width, 2);
  return parameter_count(model) - pretraining_heads + dense_layer(width, 2);
}

MemoryEstimate estimate_memory(const RunConfig& config, const PhaseConfig& phase,
                               std::int64_t micro_batch, std::int64_t ranks) {
  const std::int64_t parameters = parameter_count(config.model);
  MemoryEstimate memory;
  memory.program = kProgramBytes;
  add_trained_parameters(config, parameters, config.optimizer.name == OptimizerName::lars ? 1 : 2,
                         memory);
  if (config.pack_weights) {
    memory.compute_weights +=
        2 * compute_bytes(config.precision) * encoder_matrix_elements(config.model);
  }
  memory.residuals = config.communication.error_feedback ? kFp32Bytes * parameters : 0;
  if (config.communication.sharded_optimizer) {
    share_optimizer_state(config, parameters, ranks, memory);
  }
  const auto sequences = static_cast<double>(micro_batch);
  memory.activations = phase_activation_bytes(config, phase, sequences);
  memory.graphs = graph_bytes(config, phase, sequences, memory.activations);
  return memory;
}

MemoryEstimate estimate_gauge_memory(const RunConfig& config, std::int64_t ranks) {
  const SquadGaugeConfig& gauge = config.evaluation.squad;
  MemoryEstimate memory = estimate_memory(config, config.phases.front(), 0, ranks);
  add_trained_parameters(config, question_answering_parameter_count(config.model), 2, memory);
  const std::int64_t share = (gauge.global_train_batch_size + ranks - 1) / ranks;
  const auto windows = static_cast<double>(std::min(share, gauge.per_device_train_batch_size));
  memory.activations =
      activation_bytes(config, windows * static_cast<double>(gauge.max_seq_length), 0.0);
  return memory;
}

}  // namespace lambert
