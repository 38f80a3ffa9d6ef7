// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "kernels/cuda_stream.h"
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

/// The right operand of many products, copied once into the layout that the library reads fastest.
/// The copy takes as much memory as the operand.
class PackedMatrix {
 public:
  PackedMatrix();
  ~PackedMatrix();
  PackedMatrix(const PackedMatrix&) = delete;
  PackedMatrix& operator=(const PackedMatrix&) = delete;

  /// Copies right (K, N); again after its values have changed. row_count: about that of the left
  /// operands to come.
  void pack(const Matrix& right, std::int64_t row_count);

 private:
  friend void matmul(const Matrix& left, const PackedMatrix& right, const MutableMatrix& result,
                     const float* bias, Accumulate accumulate);
  struct State;
  std::unique_ptr<State> state_;
};

/// The same with a packed right operand.
void matmul(const Matrix& left, const PackedMatrix& right, const MutableMatrix& result,
            const float* bias = nullptr, Accumulate accumulate = Accumulate::no);

/// How a device multiplies fp32: as written, or with operands rounded to 10 bits of mantissa on the
/// tensor cores.
enum class Float32Products { ieee, tf32 };

/// On a device, by cublasLt; the algorithm of each shape is found by measuring
/// (kernels/matmul_choices.h). The first product of a shape measures, which waits for the device
/// and must not be part of a graph that is being captured. bias needs a result whose column_stride
/// is 1. Needs matmul_scratch_bytes().
void matmul(const CudaStream& stream, const Matrix& left, const Matrix& right,
            const MutableMatrix& result, const float* bias = nullptr,
            Accumulate accumulate = Accumulate::no,
            Float32Products products = Float32Products::ieee);
std::int64_t matmul_scratch_bytes();

/// Reads the choices that `path` holds for the current device and library, if the file exists, and
/// from now on keeps new ones there. DataError for a file that is none, StorageError when it cannot
/// be written.
void keep_matmul_choices(const std::string& path);

/// Whether this processor multiplies bf16 (AVX-512). Where it does not, bf16 operands are widened
/// to fp32 for every product: the results are as exact, at the speed of fp32.
bool multiplies_bfloat16();
/// Whether this processor multiplies operands of this type as they are. fp16 it never does (the
/// library has products of fp16 on devices only): widened to fp32, as bf16 without AVX-512.
bool multiplies(ElementType type);

/// "oneDNN 2.6.3", and whether bf16 is widened.
std::string matmul_library_version();

}  // namespace lambert
