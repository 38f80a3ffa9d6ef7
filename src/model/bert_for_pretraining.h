// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "config/run_config.h"
#include "model/kernel_choice.h"
#include "model/model_inputs.h"
#include "model/model_parameter.h"
#include "model/model_tensors.h"
#include "ops/weight_products.h"

namespace lambert {

/// Sums and counts, so that nobody can average averages. Tensors of the model's device: reading
/// them waits for it.
struct PretrainingLoss {
  at::Tensor mlm_sum;  // () fp32, sum of cross-entropies over masked tokens
  at::Tensor nsp_sum;  // () fp32, sum over sequences
  std::int64_t masked_tokens = 0;
  std::int64_t sequences = 0;
  at::Tensor mlm_correct;  // () int64
  at::Tensor nsp_correct;  // () int64
};

/// Logits for export checks and tests, on the host; no dropout.
struct PretrainingLogits {
  at::Tensor mlm;                         // (N, V) fp32, for the masked positions
  at::Tensor nsp;                         // (B, 2) fp32
  std::vector<at::Tensor> hidden_states;  // (T, H) fp32: embeddings, then every layer
};

/// BERT with masked-language-model and next-sentence heads, post-LayerNorm, tied decoder (Devlin et
/// al. 2018).
class BertForPreTraining {
 public:
  /// Weights ~ N(0, initializer_range) from the counter stream of seed, zero biases, LayerNorm 1
  /// and 0.
  /// gradient_checkpointing: layers keep their input only (see checkpointed.h).
  /// device: where the parameters lie and the model computes. Inputs are on the host.
  BertForPreTraining(const ModelConfig& config, Precision precision, std::uint64_t seed,
                     bool gradient_checkpointing = false,
                     const at::Device& device = at::Device(at::kCPU));
  ~BertForPreTraining();

  /// Forward pass with dropout and autograd: the next three in one.
  PretrainingLoss forward(const ModelInputs& inputs);
  /// The inputs, checked, in the form for the model's device but on the host.
  PretrainingTensors make_tensors(const ModelInputs& inputs) const;
  /// What the host does before forward(), which works on the device alone: with recorded work,
  /// before every replay.
  void begin(const PretrainingTensors& tensors) const;
  /// tensors: in the device's memory.
  PretrainingLoss forward(const PretrainingTensors& tensors);

  /// Forward pass without dropout and without autograd.
  PretrainingLoss evaluate(const ModelInputs& inputs);
  PretrainingLogits logits(const ModelInputs& inputs);

  /// In registration order: embeddings first, heads last. 398 tensors for BERT-Large.
  const std::vector<ModelParameter>& parameters() const;
  /// compute = master, after weights were loaded.
  void refresh_compute_weights();
  /// How the encoder's matrices are multiplied; of_shape has (out, in) of each, query, key and
  /// value being one. row_count: tokens of a micro-batch, about.
  void choose_products(const std::map<MatrixShape, ProductForms>& of_shape, std::int64_t row_count);
  void use(const KernelChoice& kernels);
  const ModelConfig& config() const;
  const at::Device& device() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// 336,226,108 for BERT-Large; needs no memory.
std::int64_t count_parameters(const ModelConfig& config);

}  // namespace lambert
