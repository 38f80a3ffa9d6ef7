// SPDX-License-Identifier: Apache-2.0
// Private to the .cu files: table[id] += the rows of that id, in row order, without atomics.
#pragma once

#include <cstdint>

#include "kernels/cuda_stream.h"

namespace lambert {

/// Rows sorted by id.
struct SortedRows {
  const std::int32_t* order = nullptr;  // (count) rows, sorted stably by their id
  const std::int32_t* ids = nullptr;    // (count) of row r
  std::int64_t count = 0;
};

/// Floats that add_by_id() needs as `edges`.
std::int64_t add_by_id_floats(std::int64_t rows, std::int64_t columns);

/// values: (rows, columns); table: (ids, columns).
void add_by_id(const CudaStream& stream, const SortedRows& rows, const float* values,
               std::int64_t columns, float* edges, float* table);

}  // namespace lambert
