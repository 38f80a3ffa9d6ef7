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

/// Which columns: those of a projection in a joined tensor (T, 3 H), or all of one (T, H).
enum class AttentionPart { query, key, value, output };

struct AttentionShape {
  TokenLayout layout;
  std::int64_t heads = 0;      // A
  std::int64_t head_size = 0;  // H / A

  constexpr std::int64_t hidden_size() const { return heads * head_size; }
  /// From one row of the part's tensor to the next.
  constexpr std::int64_t stride_of(AttentionPart part) const {
    return part == AttentionPart::output ? hidden_size() : 3 * hidden_size();
  }
  /// Of the head's first number in a row.
  constexpr std::int64_t offset_of(AttentionPart part, std::int64_t row, std::int64_t head) const {
    const std::int64_t place = part == AttentionPart::output ? 0 : static_cast<std::int64_t>(part);
    return row * stride_of(part) + place * hidden_size() + head * head_size;
  }
};

/// query_key_value: (T, 3 H), one after the other, as one product with the joined weights leaves
/// them; output: (T, H), head h in columns h * head_size ..; log_sums: (T, A). Rows of no sample
/// become zero.
template <typename T>
void attention_forward(const AttentionShape& shape, const DropoutMask& mask,
                       const T* query_key_value, T* output, float* log_sums);

/// input_gradient: (T, 3 H), overwritten.
template <typename T>
void attention_backward(const AttentionShape& shape, const DropoutMask& mask,
                        const T* query_key_value, const float* log_sums, const T* output_gradient,
                        T* input_gradient);

/// On a device, for heads of at most 128 numbers; larger ones are a ConfigError.
template <typename T>
void attention_forward(const CudaStream& stream, const AttentionShape& shape,
                       const DropoutMask& mask, const T* query_key_value, T* output,
                       float* log_sums);

/// output: that of the forward pass; the host's kernel does without.
template <typename T>
void attention_backward(const CudaStream& stream, const AttentionShape& shape,
                        const DropoutMask& mask, const T* query_key_value, const T* output,
                        const float* log_sums, const T* output_gradient, T* input_gradient);
std::int64_t attention_backward_scratch_bytes(const AttentionShape& shape);

}  // namespace lambert
