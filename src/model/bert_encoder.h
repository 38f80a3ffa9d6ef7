// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "config/run_config.h"
#include "model/encoder_layer.h"
#include "model/model_tensors.h"
#include "model/parameter_table.h"
#include "ops/embeddings.h"

namespace lambert {

/// Embeddings and encoder layers, without a head (Devlin et al. 2018, post-LayerNorm). Holds
/// handles of the parameters, which the model owns.
class BertEncoder {
 public:
  /// gradient_checkpointing: layers keep their input only (see checkpointed.h).
  BertEncoder(const ModelConfig& config, const ParameterTable& parameters,
              bool gradient_checkpointing);

  /// See BertForPreTraining.
  void choose_products(const std::map<MatrixShape, ProductForms>& of_shape, std::int64_t row_count);
  void use(const KernelChoice& kernels);

  /// What the host does before encode(), see BertForPreTraining.
  void begin(const EncoderTensors& inputs, bool with_dropout) const;

  /// The last layer's output: (T, H) in the compute type. all_states, if any, gets the embeddings'
  /// and every layer's.
  at::Tensor encode(const EncoderTensors& inputs, bool with_dropout,
                    std::vector<at::Tensor>* all_states = nullptr) const;

 private:
  ModelConfig config_;
  bool checkpoints_layers_;
  bool draws_from_generator_ = false;  // FlashAttention's masks
  EmbeddingWeights embedding_;
  std::vector<EncoderLayer> layers_;
};

}  // namespace lambert
