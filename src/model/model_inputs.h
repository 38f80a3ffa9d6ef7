// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace lambert {

/// Names the dropout masks of one micro-batch: a mask is a function of (seed, phase, step, sample,
/// layer site), so it does not depend on how samples are spread over ranks and micro-batches.
struct DropoutStream {
  std::uint64_t seed = 0;
  std::uint32_t phase = 0;
  std::int64_t step = 0;
};

/// What the encoder reads of one micro-batch. B sequences, T rows. The sequences' tokens follow
/// each other without padding; rows after the last sequence's, if any, round T up and have no part
/// in the result.
struct EncoderInputs {
  at::Tensor input_ids;       // (T) int32
  at::Tensor token_type_ids;  // (T) int32
  at::Tensor lengths;         // (B) int32, at least 1 each, sum at most T
  at::Tensor sample_numbers;  // (B) int64
  DropoutStream dropout;
};

/// One micro-batch of pretraining, N masked tokens in all.
struct ModelInputs : EncoderInputs {
  at::Tensor masked_positions;      // (N) int64, row of (T)
  at::Tensor masked_labels;         // (N) int64
  at::Tensor next_sentence_labels;  // (B) int64
};

/// One micro-batch of question answering. Positions count from the start of their sequence; both
/// are undefined for prediction.
struct QuestionAnsweringInputs : EncoderInputs {
  at::Tensor start_positions;  // (B) int64
  at::Tensor end_positions;    // (B) int64
};

}  // namespace lambert
