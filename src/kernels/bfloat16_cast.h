// SPDX-License-Identifier: Apache-2.0
// Between fp32 and the bits of bf16 on a device: what gradients go through that travel in bf16.
#pragma once

#include <cstdint>

#include "kernels/cuda_stream.h"

namespace lambert {

/// Rounds to nearest even; a NaN stays one. values, encoded: (count).
void round_to_bfloat16(const CudaStream& stream, const float* values, std::int64_t count,
                       std::uint16_t* encoded);

/// Exact. encoded, values: (count).
void widen_bfloat16(const CudaStream& stream, const std::uint16_t* encoded, std::int64_t count,
                    float* values);

}  // namespace lambert
