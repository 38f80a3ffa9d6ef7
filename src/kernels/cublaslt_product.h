// SPDX-License-Identifier: Apache-2.0
// Private to matmul_cuda.cpp: a product as cublasLt sees it, and the search for its fastest
// algorithm. The library thinks in columns: a row-major matrix is to it the transposed one, so
// result = left right is computed as result^T = right^T left^T. `first` is the library's first
// operand, our right one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include "kernels/cuda_stream.h"
#include "kernels/matmul.h"

namespace lambert {

/// What NVIDIA recommends for Hopper and later; split products use it for partial sums.
inline constexpr std::int64_t kWorkspaceBytes = std::int64_t{32} << 20;

/// Owners of the library's objects.
struct LibraryDeleter {
  void operator()(cublasLtHandle_t handle) const { cublasLtDestroy(handle); }
  void operator()(cublasLtMatmulDesc_t object) const { cublasLtMatmulDescDestroy(object); }
  void operator()(cublasLtMatrixLayout_t object) const { cublasLtMatrixLayoutDestroy(object); }
  void operator()(cublasLtMatmulPreference_t object) const {
    cublasLtMatmulPreferenceDestroy(object);
  }
  void operator()(cudaEvent_t event) const { cudaEventDestroy(event); }
};
template <typename Pointer>
using Owned = std::unique_ptr<std::remove_pointer_t<Pointer>, LibraryDeleter>;

using LibraryHandle = Owned<cublasLtHandle_t>;

LibraryHandle start_library();
/// The current device's name and the library's version.
std::string library_name();

/// One product as the library sees it.
struct Product {
  Owned<cublasLtMatmulDesc_t> description;
  Owned<cublasLtMatrixLayout_t> first;
  Owned<cublasLtMatrixLayout_t> second;
  Owned<cublasLtMatrixLayout_t> result;
  const void* first_data = nullptr;
  const void* second_data = nullptr;
  const void* result_data = nullptr;
  float beta = 0.0F;
};

/// fused_bias: added by the product, or nullptr. result.column_stride is 1.
Product describe(const Matrix& left, const Matrix& right, const MutableMatrix& result,
                 const float* fused_bias, Accumulate accumulate, Float32Products products);

/// result = the product + beta * old.
cublasStatus_t try_product(const LibraryHandle& handle, const CudaStream& stream,
                           const Product& product, const cublasLtMatmulAlgo_t& algorithm,
                           const void* old, void* result);

/// Largest power of two that divides the address, up to what a thread reads at once: bytes.
std::int64_t alignment_of(const void* data);

/// What the library names for the product, its favourite first; empty when it has no algorithm.
std::vector<cublasLtMatmulAlgo_t> candidates(const LibraryHandle& handle, const Product& product);

/// Whether an algorithm that was found for a similar product takes this one.
bool takes(const LibraryHandle& handle, const Product& product,
           const cublasLtMatmulAlgo_t& algorithm);

/// The fastest of the algorithms, by timing them on the device.
cublasLtMatmulAlgo_t fastest_of(const LibraryHandle& handle, const CudaStream& stream,
                                const Product& product, std::size_t result_bytes,
                                const std::vector<cublasLtMatmulAlgo_t>& algorithms);

/// Throws DeviceError.
void check_cuda_call(cudaError_t status, const char* doing);
void check_library(cublasStatus_t status, const char* doing);

}  // namespace lambert
