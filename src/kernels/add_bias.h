// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/cuda_stream.h"

namespace lambert {

/// On a device: rows of `row_stride` elements, of which the first `columns` get bias added. For
/// products whose library cannot add an fp32 bias.
template <typename T>
void add_bias(const CudaStream& stream, const float* bias, std::int64_t rows, std::int64_t columns,
              std::int64_t row_stride, T* values);

}  // namespace lambert
