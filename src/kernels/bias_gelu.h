// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/cuda_stream.h"

namespace lambert {

/// erf: x Phi(x), exact (Hendrycks and Gimpel 2016). tanh: their approximation, as in Google's
/// BERT.
enum class GeluForm { erf, tanh };

/// output = gelu(input + bias). input, output: (rows, columns), may be the same memory; bias:
/// (columns).
template <typename T>
void bias_gelu_forward(GeluForm form, const T* input, const float* bias, std::int64_t rows,
                       std::int64_t columns, T* output);

/// input_gradient = output_gradient * gelu'(input + bias), whose column sums are added to
/// bias_gradient: (columns). input: (rows, columns), as given to the forward pass.
template <typename T>
void bias_gelu_backward(GeluForm form, const T* output_gradient, const T* input, const float* bias,
                        std::int64_t rows, std::int64_t columns, T* input_gradient,
                        float* bias_gradient);

/// On a device.
template <typename T>
void bias_gelu_forward(const CudaStream& stream, GeluForm form, const T* input, const float* bias,
                       std::int64_t rows, std::int64_t columns, T* output);

/// Needs column_sums_scratch_bytes(rows, columns).
template <typename T>
void bias_gelu_backward(const CudaStream& stream, GeluForm form, const T* output_gradient,
                        const T* input, const float* bias, std::int64_t rows, std::int64_t columns,
                        T* input_gradient, float* bias_gradient);

}  // namespace lambert
