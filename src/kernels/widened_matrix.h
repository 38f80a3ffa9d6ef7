// SPDX-License-Identifier: Apache-2.0
// Private to kernels/. bf16 and fp16 matrices as fp32 ones and back, for processors that do not
// multiply them. Every such value is an fp32 value, so the products are the ones that instructions
// for them give; only the order of adding differs.
#pragma once

#include <cstdint>

#include "kernels/element.h"
#include "kernels/matmul.h"
#include "kernels/parallel.h"
#include "kernels/work_space.h"

namespace lambert {

/// Calls copy(line) for every line of `lines`, shared among the threads.
template <typename Copy>
void for_every_line(std::int64_t lines, const Copy& copy) {
  on_every_thread([&](int thread, int threads) {
    const Range range = part_of(lines, thread, threads);
    for (std::int64_t line = range.begin; line < range.end; ++line) {
      copy(line);
    }
  });
}

/// Calls work(Bfloat16{}) or work(Float16{}).
template <typename Work>
void with_narrow_type(ElementType type, const Work& work) {
  if (type == ElementType::float16) {
    work(Float16{});
  } else {
    work(Bfloat16{});
  }
}

template <typename T>
void widen_rows_of(const Matrix& narrow, float* wide) {
  for_every_line(narrow.rows, [&](std::int64_t row) {
    const auto* const source = static_cast<const T*>(narrow.data) + row * narrow.row_stride;
    float* const target = wide + row * narrow.columns;
#pragma omp simd
    for (std::int64_t c = 0; c < narrow.columns; ++c) {
      target[c] = to_float(source[c]);
    }
  });
}

/// Copies a bf16 or fp16 matrix whose rows lie dense in memory to `wide`: (rows, columns), dense.
inline void widen_rows(const Matrix& narrow, float* wide) {
  with_narrow_type(narrow.type,
                   [&](auto element) { widen_rows_of<decltype(element)>(narrow, wide); });
}

/// An fp32 copy in the calling thread's work space kNumber, in the same order in memory.
template <int kNumber>
Matrix widened(const Matrix& narrow) {
  if (narrow.column_stride != 1) {
    return widened<kNumber>(narrow.transposed()).transposed();
  }
  float* const wide = work_space<float, kNumber>(narrow.rows * narrow.columns);
  widen_rows(narrow, wide);
  return matrix(wide, narrow.rows, narrow.columns);
}

template <typename T>
void narrow_rows_of(const float* wide, const MutableMatrix& narrow) {
  for_every_line(narrow.rows, [&](std::int64_t row) {
    const float* const source = wide + row * narrow.columns;
    auto* const target = static_cast<T*>(narrow.data) + row * narrow.row_stride;
#pragma omp simd
    for (std::int64_t c = 0; c < narrow.columns; ++c) {
      target[c] = from_float<T>(source[c]);
    }
  });
}

/// Rounds wide (rows, columns), dense, to a bf16 or fp16 matrix whose rows lie dense in memory.
inline void narrow_rows(const float* wide, const MutableMatrix& narrow) {
  with_narrow_type(narrow.type,
                   [&](auto element) { narrow_rows_of<decltype(element)>(wide, narrow); });
}

}  // namespace lambert
