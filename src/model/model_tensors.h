// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "model/model_inputs.h"
#include "ops/embeddings.h"
#include "ops/token_rows.h"

namespace lambert {

/// EncoderInputs as the blocks take them, in the memory of the model's device.
struct EncoderTensors {
  EmbeddingIds ids;
  TokenRows tokens;
  at::Tensor sample_numbers;      // (B) int64
  std::int64_t first_sample = 0;  // the first of them, on the host
  DropoutStream dropout;
};

/// What the pretraining heads read besides; the same memory.
struct PretrainingTensors {
  EncoderTensors encoder;
  at::Tensor masked_positions;      // (N) int64
  at::Tensor masked_labels;         // (N) int64
  at::Tensor next_sentence_labels;  // (B) int64
};

/// The inputs have been checked (check_inputs.h). The copies are not waited for.
EncoderTensors to_device(const EncoderInputs& inputs, const at::Device& device);
PretrainingTensors to_device(const ModelInputs& inputs, const at::Device& device);

}  // namespace lambert
