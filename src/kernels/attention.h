// SPDX-License-Identifier: Apache-2.0
// Scaled dot-product attention over heads, of sequences of any lengths, with dropout on the
// probabilities (Vaswani et al. 2017). One (sample, head) at a time, so that its S x S matrices
// stay in the cache; the backward pass computes the probabilities again from the logarithm of each
// row's sum.
#pragma once

#include <cstdint>

#include "kernels/cuda_stream.h"
#include "kernels/dropout_stream.h"
#include "kernels/token_layout.h"

namespace lambert {

struct AttentionShape {
  TokenLayout layout;
  std::int64_t heads = 0;      // A
  std::int64_t head_size = 0;  // H / A

  constexpr std::int64_t hidden_size() const { return heads * head_size; }
};

/// query, key, value, output: (T, H), head h in columns h * head_size ..; log_sums: (T, A). Rows of
/// no sample become zero.
template <typename T>
void attention_forward(const AttentionShape& shape, const DropoutMask& mask, const T* query,
                       const T* key, const T* value, T* output, float* log_sums);

/// The three input gradients are (T, H) and overwritten.
template <typename T>
void attention_backward(const AttentionShape& shape, const DropoutMask& mask, const T* query,
                        const T* key, const T* value, const float* log_sums,
                        const T* output_gradient, T* query_gradient, T* key_gradient,
                        T* value_gradient);

/// On a device, for heads of at most 128 numbers; larger ones are a ConfigError.
template <typename T>
void attention_forward(const CudaStream& stream, const AttentionShape& shape,
                       const DropoutMask& mask, const T* query, const T* key, const T* value,
                       T* output, float* log_sums);

/// output: that of the forward pass; the host's kernel does without.
template <typename T>
void attention_backward(const CudaStream& stream, const AttentionShape& shape,
                        const DropoutMask& mask, const T* query, const T* key, const T* value,
                        const T* output, const float* log_sums, const T* output_gradient,
                        T* query_gradient, T* key_gradient, T* value_gradient);
std::int64_t attention_backward_scratch_bytes(const AttentionShape& shape);

}  // namespace lambert
