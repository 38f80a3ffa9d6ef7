// SPDX-License-Identifier: Apache-2.0
// The inputs of a pass as the blocks take them: made on the host, in the form for the device that
// computes, and then brought to it.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/model_inputs.h"
#include "ops/embeddings.h"
#include "ops/token_rows.h"

namespace lambert {

/// What the encoder reads.
struct EncoderTensors {
  EmbeddingIds ids;
  TokenRows tokens;
  at::Tensor sample_numbers;  // (B) int64
  /// (sites, 2) int32, for a device only: the keys of the masks (dropout_stream.h).
  at::Tensor dropout_keys;
  DropoutStream dropout;
  std::uint64_t generator_seed = 0;  // of LibTorch's generator, in a pass that draws from it
};

/// What the pretraining heads read besides. For a device N is rounded up, so that few micro-batches
/// differ in it, by rows without a label.
struct PretrainingTensors {
  EncoderTensors encoder;
  at::Tensor masked_positions;      // (N) int64
  at::Tensor masked_labels;         // (N) int64, or kNoLabel
  at::Tensor next_sentence_labels;  // (B) int64
  std::int64_t masked_tokens = 0;   // with a label
};

/// On the host. The inputs have been checked (check_inputs.h). layers: of the encoder; device: the
/// one that they are for.
EncoderTensors make_tensors(const EncoderInputs& inputs, std::int64_t layers,
                            const at::Device& device);
PretrainingTensors make_tensors(const ModelInputs& inputs, std::int64_t layers,
                                const at::Device& device);

/// All of them, in an order that is always the same; those of other forms are undefined.
std::vector<at::Tensor*> tensors_of(EncoderTensors& tensors);
std::vector<at::Tensor*> tensors_of(PretrainingTensors& tensors);

/// Copies in the device's memory, which are not waited for; for the CPU the tensors themselves.
template <typename Tensors>
Tensors to_device(Tensors tensors, const at::Device& device);

}  // namespace lambert
