// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels/column_sums.h"
#include "kernels/element.h"
#include "kernels/parallel.h"
#include "kernels/work_space.h"

namespace lambert {

template <typename T>
void column_sums(const T* values, std::int64_t rows, std::int64_t columns, float* sums) {
  const int parts = thread_count();
  float* const partial = work_space<float, 0>(parts * columns);
  on_every_thread([&](int thread, int threads) {
    const Range range = part_of(rows, thread, threads);
    float* const own = partial + thread * columns;
    std::fill_n(own, columns, 0.0F);
    for (std::int64_t row = range.begin; row < range.end; ++row) {
      const T* const source = values + row * columns;
#pragma omp simd
      for (std::int64_t c = 0; c < columns; ++c) {
        own[c] += to_float(source[c]);
      }
    }
  });
  add_partial_sums(partial, parts, columns, sums);
}

void add_partial_sums(const float* partial, std::int64_t parts, std::int64_t columns, float* sums) {
  for (std::int64_t part = 0; part < parts; ++part) {
    const float* const source = partial + part * columns;
#pragma omp simd
    for (std::int64_t c = 0; c < columns; ++c) {
      sums[c] += source[c];
    }
  }
}

template void column_sums(const float*, std::int64_t, std::int64_t, float*);
template void column_sums(const Bfloat16*, std::int64_t, std::int64_t, float*);
template void column_sums(const Float16*, std::int64_t, std::int64_t, float*);

}  // namespace lambert
