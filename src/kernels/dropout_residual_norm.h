// SPDX-License-Identifier: Apache-2.0
// The end of each half of a post-LayerNorm encoder layer: output = LayerNorm(dropout(input + bias)
// + residual).
#pragma once

#include <cstdint>

#include "kernels/cuda_stream.h"
#include "kernels/dropout_stream.h"
#include "kernels/token_layout.h"

namespace lambert {

/// The LayerNorm's weights, both (H), and epsilon.
struct NormWeights {
  const float* gain = nullptr;
  const float* bias = nullptr;
  float epsilon = 0.0F;
};

/// Without dropout, only the layout's row count is used. sum: (T, H), in: matmul result without
/// bias; out: dropout(sum + input_bias) + residual, which the backward pass needs. residual: (T, H)
/// or nullptr. input_bias: (H) or nullptr. mean, inverse_deviation: (T).
template <typename T>
void dropout_residual_norm_forward(const HiddenShape& shape, const DropoutMask& mask,
                                   const NormWeights& norm, const float* input_bias,
                                   const T* residual, T* sum, T* output, float* mean,
                                   float* inverse_deviation);

struct NormGradients {
  float* gain = nullptr;        // (H)
  float* bias = nullptr;        // (H)
  float* input_bias = nullptr;  // (H) or nullptr
};

/// input_gradient and residual_gradient: (T, H); the latter may be nullptr. Parameter
/// gradients are added to.
template <typename T>
void dropout_residual_norm_backward(const HiddenShape& shape, const DropoutMask& mask,
                                    const NormWeights& norm, const T* output_gradient, const T* sum,
                                    const float* mean, const float* inverse_deviation,
                                    T* input_gradient, T* residual_gradient,
                                    const NormGradients& gradients);

/// On a device.
template <typename T>
void dropout_residual_norm_forward(const CudaStream& stream, const HiddenShape& shape,
                                   const DropoutMask& mask, const NormWeights& norm,
                                   const float* input_bias, const T* residual, T* sum, T* output,
                                   float* mean, float* inverse_deviation);

template <typename T>
void dropout_residual_norm_backward(const CudaStream& stream, const HiddenShape& shape,
                                    const DropoutMask& mask, const NormWeights& norm,
                                    const T* output_gradient, const T* sum, const float* mean,
                                    const float* inverse_deviation, T* input_gradient,
                                    T* residual_gradient, const NormGradients& gradients);
/// Of the backward pass.
std::int64_t dropout_residual_norm_scratch_bytes(std::int64_t rows, std::int64_t columns);

}  // namespace lambert
