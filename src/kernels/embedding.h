// SPDX-License-Identifier: Apache-2.0
// output = dropout(LayerNorm(word + position + token type)).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/cuda_stream.h"
#include "kernels/dropout_residual_norm.h"
#include "kernels/dropout_stream.h"

namespace lambert {

/// The tables and what to look up in them. Ids are within the tables: the caller has checked.
template <typename T>
struct EmbeddingLookup {
  const std::int32_t* input_ids = nullptr;       // (T)
  const std::int32_t* token_type_ids = nullptr;  // (T)
  const T* words = nullptr;                      // (V, H)
  const T* positions = nullptr;                  // (positions, H)
  const T* token_types = nullptr;                // (types, H)
};

/// output: (T, H); mean, inverse_deviation: (T).
template <typename T>
void embedding_forward(const HiddenShape& shape, const DropoutMask& mask, const NormWeights& norm,
                       const EmbeddingLookup<T>& lookup, T* output, float* mean,
                       float* inverse_deviation);

/// Gradients are added to.
struct EmbeddingGradients {
  float* words = nullptr;        // (V, H)
  float* positions = nullptr;    // (positions, H)
  float* token_types = nullptr;  // (types, H)
  float* gain = nullptr;         // (H)
  float* bias = nullptr;         // (H)
};

template <typename T>
void embedding_backward(const HiddenShape& shape, const DropoutMask& mask, const NormWeights& norm,
                        const EmbeddingLookup<T>& lookup, const T* output_gradient,
                        const float* mean, const float* inverse_deviation,
                        const EmbeddingGradients& gradients);

/// On a device.
template <typename T>
void embedding_forward(const CudaStream& stream, const HiddenShape& shape, const DropoutMask& mask,
                       const NormWeights& norm, const EmbeddingLookup<T>& lookup, T* output,
                       float* mean, float* inverse_deviation);

/// The rows of a hidden tensor, sorted by what they look up: stable_order() of the ids, in device
/// memory, (T) each. They fix the order in which a table's gradients are added up.
struct EmbeddingOrders {
  const std::int32_t* by_word = nullptr;        // of input_ids
  const std::int32_t* by_position = nullptr;    // of the layout's position_of
  const std::int32_t* by_token_type = nullptr;  // of token_type_ids
};

/// 0 .. ids.size() - 1 sorted by id, equal ids in their order, by counting: ids are not negative,
/// and few. On the host.
std::vector<std::int32_t> stable_order(std::span<const std::int32_t> ids);

template <typename T>
void embedding_backward(const CudaStream& stream, const HiddenShape& shape, const DropoutMask& mask,
                        const NormWeights& norm, const EmbeddingLookup<T>& lookup,
                        const EmbeddingOrders& orders, const T* output_gradient, const float* mean,
                        const float* inverse_deviation, const EmbeddingGradients& gradients);
/// Of the backward pass.
std::int64_t embedding_scratch_bytes(std::int64_t rows, std::int64_t columns);

}  // namespace lambert
