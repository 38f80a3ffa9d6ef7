// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "kernels/element.h"

namespace lambert {

/// A matrix in memory that the caller owns; one of the two strides is 1.
template <typename Pointer>
struct MatrixView {
  Pointer data = nullptr;
  ElementType type = ElementType::float32;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t row_stride = 0;  // elements from one row to the next
  std::int64_t column_stride = 1;

  MatrixView transposed() const { return {data, type, columns, rows, column_stride, row_stride}; }
};

using Matrix = MatrixView<const void*>;
using MutableMatrix = MatrixView<void*>;

/// Rows of `row_stride` elements, of which the first `columns` are used; 0 = dense.
template <typename T>
Matrix matrix(const T* data, std::int64_t rows, std::int64_t columns, std::int64_t row_stride = 0) {
  return {data, kElementType<T>, rows, columns, row_stride == 0 ? columns : row_stride, 1};
}

template <typename T>
MutableMatrix mutable_matrix(T* data, std::int64_t rows, std::int64_t columns,
                             std::int64_t row_stride = 0) {
  return {data, kElementType<T>, rows, columns, row_stride == 0 ? columns : row_stride, 1};
}

enum class Accumulate { no, yes };

/// result = left right + bias (+ result), with products summed in fp32. left and right have one
/// type; result is of that type or fp32. bias: (columns) fp32 or nullptr. Equal arguments give
/// equal bits at a fixed thread count. Throws InternalError when shapes disagree.
void matmul(const Matrix& left, const Matrix& right, const MutableMatrix& result,
            const float* bias = nullptr, Accumulate accumulate = Accumulate::no);

/// "oneDNN 2.6.3".
std::string matmul_library_version();

}  // namespace lambert
