// SPDX-License-Identifier: Apache-2.0
// Matrix products by cublasLt (cublaslt_product.h), each by the algorithm that was the fastest.
#include <bit>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/add_bias.h"
#include "kernels/cublaslt_product.h"
#include "kernels/matmul.h"
#include "kernels/matmul_choices.h"

namespace lambert {

namespace {

/// Of the process, for the device that was current at its first product. Autograd multiplies on a
/// thread of its own.
struct Library {
  LibraryHandle handle = start_library();
  std::string name = library_name();
  std::mutex choosing;  // held where the next two are used
  MatmulChoices choices;
  std::map<std::string, MatmulChoices::Algorithm> in_use;  // by key_of() of the product itself
};

Library& library() {
  static Library instance;
  return instance;
}

void refuse_in_capture(const CudaStream& stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check_cuda_call(cudaStreamIsCapturing(static_cast<cudaStream_t>(stream.handle), &status),
                  "asking whether a graph is captured");
  LAMBERT_CHECK(status == cudaStreamCaptureStatusNone,
                "matmul: a shape is seen for the first time while a graph is captured");
}

std::string numbers(std::initializer_list<std::int64_t> values) {
  std::string text;
  for (const std::int64_t value : values) {
    text += ' ' + std::to_string(value);
  }
  return text;
}

/// Everything that the choice of an algorithm depends on. size(n): what stands for n rows or
/// columns.
template <typename Size>
std::string key_of(const Library& lib, const Matrix& left, const Matrix& right,
                   const MutableMatrix& result, bool has_bias, Accumulate accumulate,
                   Float32Products products, const Size& size) {
  return lib.name + ":" +
         numbers({size(left.rows), size(right.columns), size(left.columns),
                  static_cast<std::int64_t>(left.type), static_cast<std::int64_t>(result.type),
                  left.row_stride, left.column_stride, right.row_stride, right.column_stride,
                  result.row_stride, alignment_of(left.data), alignment_of(right.data),
                  alignment_of(result.data), static_cast<std::int64_t>(has_bias),
                  static_cast<std::int64_t>(accumulate), static_cast<std::int64_t>(products)});
}

std::size_t bytes_of(const MutableMatrix& matrix) {
  const std::int64_t element_bytes = matrix.type == ElementType::float32 ? 4 : 2;
  return static_cast<std::size_t>(matrix.rows * matrix.row_stride * element_bytes);
}

static_assert(sizeof(cublasLtMatmulAlgo_t) == sizeof(MatmulChoices::Algorithm));

/// Adds the bias if the product could not.
void add_bias_after(const CudaStream& stream, const float* bias, const MutableMatrix& result) {
  const auto add_to = [&](auto* elements) {
    add_bias(stream, bias, result.rows, result.columns, result.row_stride, elements);
  };
  switch (result.type) {
    case ElementType::float32:
      return add_to(static_cast<float*>(result.data));
    case ElementType::bfloat16:
      return add_to(static_cast<Bfloat16*>(result.data));
    case ElementType::float16:
      return add_to(static_cast<Float16*>(result.data));
  }
}

/// By measuring; all zeros when the library has no algorithm.
MatmulChoices::Algorithm measure(const Library& lib, const CudaStream& stream,
                                 const Product& product, std::size_t result_bytes) {
  refuse_in_capture(stream);
  const std::vector<cublasLtMatmulAlgo_t> algorithms = candidates(lib.handle, product);
  return algorithms.empty() ? MatmulChoices::Algorithm{}
                            : std::bit_cast<MatmulChoices::Algorithm>(fastest_of(
                                  lib.handle, stream, product, result_bytes, algorithms));
}

/// What was chosen for the product of these sizes or, where it takes this one, for their class: now
/// or before. key_by(size): key_of() the product. All zeros when the library has no algorithm.
template <typename KeyBy>
MatmulChoices::Algorithm choose(const CudaStream& stream, const Product& product,
                                const KeyBy& key_by, std::size_t result_bytes) {
  const std::string key = key_by([](std::int64_t size) { return size; });
  Library& lib = library();
  const std::lock_guard lock(lib.choosing);
  const auto known = lib.in_use.find(key);
  if (known != lib.in_use.end()) {
    return known->second;
  }
  auto choice = lib.choices.find(key);
  if (!choice) {
    const std::string class_key = "class " + key_by(size_class);
    const auto of_class = lib.choices.find(class_key);
    const bool fits =
        of_class && takes(lib.handle, product, std::bit_cast<cublasLtMatmulAlgo_t>(*of_class));
    choice = fits ? *of_class : measure(lib, stream, product, result_bytes);
    if (!fits) {
      lib.choices.keep(of_class ? key : class_key, *choice);
    }
  }
  return lib.in_use[key] = *choice;
}

/// False when the library has no algorithm for the product with this bias.
bool multiply(const CudaStream& stream, const Matrix& left, const Matrix& right,
              const MutableMatrix& result, const float* fused_bias, Accumulate accumulate,
              Float32Products products) {
  const Library& lib = library();
  const Product product = describe(left, right, result, fused_bias, accumulate, products);
  const auto key_by = [&](const auto& size) {
    return key_of(lib, left, right, result, fused_bias != nullptr, accumulate, products, size);
  };
  const MatmulChoices::Algorithm choice = choose(stream, product, key_by, bytes_of(result));
  if (choice == MatmulChoices::Algorithm{}) {
    return false;
  }
  check_library(try_product(lib.handle, stream, product,
                            std::bit_cast<cublasLtMatmulAlgo_t>(choice), result.data, result.data),
                "multiplying");
  return true;
}

}  // namespace

std::int64_t matmul_scratch_bytes() {
  return kWorkspaceBytes;
}

void keep_matmul_choices(const std::string& path) {
  Library& lib = library();
  const std::lock_guard lock(lib.choosing);
  lib.choices.use_file(path);
}

void matmul(const CudaStream& stream, const Matrix& left, const Matrix& right,
            const MutableMatrix& result, const float* bias, Accumulate accumulate,
            Float32Products products) {
  LAMBERT_CHECK(left.columns == right.rows && left.rows == result.rows &&
                    right.columns == result.columns && left.type == right.type,
                "matmul: shapes or types of the operands disagree");
  LAMBERT_CHECK(left.columns > 0, "matmul: the inner dimension is empty");
  LAMBERT_CHECK(stream.scratch_bytes >= kWorkspaceBytes,
                "matmul needs " + std::to_string(kWorkspaceBytes) +
                    " bytes of scratch memory and was lent " +
                    std::to_string(stream.scratch_bytes));
  if (result.rows == 0 || result.columns == 0) {
    return;
  }
  if (result.column_stride != 1) {
    LAMBERT_CHECK(bias == nullptr, "matmul: a bias needs a result whose rows lie together");
    matmul(stream, right.transposed(), left.transposed(), result.transposed(), nullptr, accumulate,
           products);
    return;
  }
  // cublasLt adds a bias only of the result's type.
  const bool can_fuse = bias != nullptr && result.type == ElementType::float32;
  if (can_fuse && multiply(stream, left, right, result, bias, accumulate, products)) {
    return;
  }
  if (!multiply(stream, left, right, result, nullptr, accumulate, products)) {
    throw DeviceError("cublasLt: no algorithm for a product of " + std::to_string(left.rows) +
                      " by " + std::to_string(left.columns) + " by " +
                      std::to_string(right.columns) + "; use another version of the library");
  }
  if (bias != nullptr) {
    add_bias_after(stream, bias, result);
  }
}

}  // namespace lambert
