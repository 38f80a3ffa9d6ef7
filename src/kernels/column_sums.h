// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/cuda_stream.h"

namespace lambert {

/// sums[c] += sum over rows of values[r, c], in fp32, in an order fixed by the thread count: the
/// gradient of a bias. values: (rows, columns); sums: (columns). T: float, Bfloat16, Float16.
template <typename T>
void column_sums(const T* values, std::int64_t rows, std::int64_t columns, float* sums);

/// sums[c] += sum over parts of partial[p, c], parts in order. partial: (parts, columns).
void add_partial_sums(const float* partial, std::int64_t parts, std::int64_t columns, float* sums);

/// On a device, in an order fixed by the number of rows.
template <typename T>
void column_sums(const CudaStream& stream, const T* values, std::int64_t rows, std::int64_t columns,
                 float* sums);
std::int64_t column_sums_scratch_bytes(std::int64_t rows, std::int64_t columns);

void add_partial_sums(const CudaStream& stream, const float* partial, std::int64_t parts,
                      std::int64_t columns, float* sums);

}  // namespace lambert
