// SPDX-License-Identifier: Apache-2.0
#include "kernels/cublaslt_product.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/error.h"

namespace lambert {

namespace {

constexpr int kCandidates = 16;  // of the library's own ranking
constexpr int kRepetitions = 5;  // of each; the fastest counts, as others may use the device
constexpr std::size_t kMostAlignment = 256;  // bytes, that the library asks for

cudaDataType_t data_type(ElementType type) {
  if (type == ElementType::float32) {
    return CUDA_R_32F;
  }
  return type == ElementType::bfloat16 ? CUDA_R_16BF : CUDA_R_16F;
}

bool has_long_rows(std::int64_t column_stride) {
  return column_stride == 1;
}

/// What the library is told of a matrix: as columns, either of the transposed one or, if our
/// columns lie together, of the matrix itself.
template <typename View>
Owned<cublasLtMatrixLayout_t> layout_of(const View& view) {
  const bool by_rows = has_long_rows(view.column_stride);
  cublasLtMatrixLayout_t made = nullptr;
  check_library(
      cublasLtMatrixLayoutCreate(&made, data_type(view.type),
                                 static_cast<std::uint64_t>(by_rows ? view.columns : view.rows),
                                 static_cast<std::uint64_t>(by_rows ? view.rows : view.columns),
                                 by_rows ? view.row_stride : view.column_stride),
      "describing a matrix");
  return Owned<cublasLtMatrixLayout_t>(made);
}

template <typename Value>
void set(const Product& product, cublasLtMatmulDescAttributes_t attribute, const Value& value) {
  check_library(
      cublasLtMatmulDescSetAttribute(product.description.get(), attribute, &value, sizeof(value)),
      "describing a product");
}

template <typename Value>
void prefer(const Owned<cublasLtMatmulPreference_t>& preference,
            cublasLtMatmulPreferenceAttributes_t attribute, const Value& value) {
  check_library(
      cublasLtMatmulPreferenceSetAttribute(preference.get(), attribute, &value, sizeof(value)),
      "looking for algorithms");
}

Owned<cudaEvent_t> make_event() {
  cudaEvent_t event = nullptr;
  check_cuda_call(cudaEventCreate(&event), "making an event");
  return Owned<cudaEvent_t>(event);
}

/// Of the fastest repetition; infinite when the algorithm does not take the product.
float milliseconds_of(const LibraryHandle& handle, const CudaStream& stream, const Product& product,
                      const cublasLtMatmulAlgo_t& algorithm, void* space) {
  const Owned<cudaEvent_t> begin = make_event();
  const Owned<cudaEvent_t> end = make_event();
  auto* const queue = static_cast<cudaStream_t>(stream.handle);
  float fastest = std::numeric_limits<float>::infinity();
  for (int repetition = 0; repetition <= kRepetitions; ++repetition) {
    check_cuda_call(cudaEventRecord(begin.get(), queue), "timing a product");
    if (try_product(handle, stream, product, algorithm, space, space) != CUBLAS_STATUS_SUCCESS) {
      return std::numeric_limits<float>::infinity();
    }
    check_cuda_call(cudaEventRecord(end.get(), queue), "timing a product");
    check_cuda_call(cudaEventSynchronize(end.get()), "timing a product");
    float elapsed = 0.0F;
    check_cuda_call(cudaEventElapsedTime(&elapsed, begin.get(), end.get()), "timing a product");
    fastest = repetition == 0 ? fastest : std::min(fastest, elapsed);  // the first one warms up
  }
  return fastest;
}

/// Memory like the result's, of the stream and as far off alignment, for products that are only
/// timed: the result itself may hold what is accumulated to.
class TimingSpace {
 public:
  TimingSpace(const CudaStream& stream, const void* result, std::size_t bytes)
      : stream_(static_cast<cudaStream_t>(stream.handle)),
        offset_(reinterpret_cast<std::uintptr_t>(result) % kMostAlignment) {
    check_cuda_call(cudaMallocAsync(&memory_, bytes + kMostAlignment, stream_),
                    "allocating memory to time a product");
  }
  ~TimingSpace() { cudaFreeAsync(memory_, stream_); }
  TimingSpace(const TimingSpace&) = delete;
  TimingSpace& operator=(const TimingSpace&) = delete;
  void* memory() const { return static_cast<std::byte*>(memory_) + offset_; }

 private:
  cudaStream_t stream_;
  std::size_t offset_;
  void* memory_ = nullptr;
};

}  // namespace

void check_cuda_call(cudaError_t status, const char* doing) {
  if (status != cudaSuccess) {
    throw DeviceError(std::string("CUDA: ") + doing + ": " + cudaGetErrorString(status) +
                      "; see the device's state with nvidia-smi and start the run again");
  }
}

void check_library(cublasStatus_t status, const char* doing) {
  if (status != CUBLAS_STATUS_SUCCESS) {
    throw DeviceError(std::string("cublasLt: ") + doing + ": " + cublasLtGetStatusString(status) +
                      "; see the device's state with nvidia-smi and start the run again");
  }
}

LibraryHandle start_library() {
  cublasLtHandle_t made = nullptr;
  check_library(cublasLtCreate(&made), "starting");
  return LibraryHandle(made);
}

std::string library_name() {
  int device = 0;
  check_cuda_call(cudaGetDevice(&device), "asking for the device");
  cudaDeviceProp properties{};
  check_cuda_call(cudaGetDeviceProperties(&properties, device), "asking for the device's name");
  return std::string(properties.name) + ", cublasLt " + std::to_string(cublasLtGetVersion());
}

Product describe(const Matrix& left, const Matrix& right, const MutableMatrix& result,
                 const float* fused_bias, Accumulate accumulate, Float32Products products) {
  Product product;
  cublasLtMatmulDesc_t made = nullptr;
  const bool rounds = left.type == ElementType::float32 && products == Float32Products::tf32;
  check_library(cublasLtMatmulDescCreate(
                    &made, rounds ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F),
                "describing a product");
  product.description.reset(made);
  set(product, CUBLASLT_MATMUL_DESC_TRANSA,
      has_long_rows(right.column_stride) ? CUBLAS_OP_N : CUBLAS_OP_T);
  set(product, CUBLASLT_MATMUL_DESC_TRANSB,
      has_long_rows(left.column_stride) ? CUBLAS_OP_N : CUBLAS_OP_T);
  if (fused_bias != nullptr) {
    set(product, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    set(product, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, CUDA_R_32F);
    set(product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, fused_bias);
  }
  product.first = layout_of(right);
  product.second = layout_of(left);
  product.result = layout_of(result);
  product.first_data = right.data;
  product.second_data = left.data;
  product.result_data = result.data;
  product.beta = accumulate == Accumulate::yes ? 1.0F : 0.0F;
  return product;
}

cublasStatus_t try_product(const LibraryHandle& handle, const CudaStream& stream,
                           const Product& product, const cublasLtMatmulAlgo_t& algorithm,
                           const void* old, void* result) {
  const float alpha = 1.0F;
  return cublasLtMatmul(handle.get(), product.description.get(), &alpha, product.first_data,
                        product.first.get(), product.second_data, product.second.get(),
                        &product.beta, old, product.result.get(), result, product.result.get(),
                        &algorithm, stream.scratch, static_cast<std::size_t>(kWorkspaceBytes),
                        static_cast<cudaStream_t>(stream.handle));
}

std::int64_t alignment_of(const void* data) {
  constexpr std::uintptr_t kWidestAccess = 16;
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  return static_cast<std::int64_t>(std::min(kWidestAccess, address & (~address + 1)));
}

std::vector<cublasLtMatmulAlgo_t> candidates(const LibraryHandle& handle, const Product& product) {
  cublasLtMatmulPreference_t made = nullptr;
  check_library(cublasLtMatmulPreferenceCreate(&made), "looking for algorithms");
  const Owned<cublasLtMatmulPreference_t> preference(made);
  prefer(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
         static_cast<std::uint64_t>(kWorkspaceBytes));
  // Without being told the library counts on its most, and names algorithms that fail.
  const auto tell_alignment = [&](cublasLtMatmulPreferenceAttributes_t of, const void* data) {
    prefer(preference, of, static_cast<std::uint32_t>(alignment_of(data)));
  };
  tell_alignment(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, product.first_data);
  tell_alignment(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, product.second_data);
  tell_alignment(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, product.result_data);
  tell_alignment(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, product.result_data);
  std::array<cublasLtMatmulHeuristicResult_t, kCandidates> found{};
  int count = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      handle.get(), product.description.get(), product.first.get(), product.second.get(),
      product.result.get(), product.result.get(), made, kCandidates, found.data(), &count);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED) {
    return {};
  }
  check_library(status, "looking for algorithms");
  std::vector<cublasLtMatmulAlgo_t> algorithms;
  for (int i = 0; i < count; ++i) {
    if (found[static_cast<std::size_t>(i)].state == CUBLAS_STATUS_SUCCESS) {
      algorithms.push_back(found[static_cast<std::size_t>(i)].algo);
    }
  }
  return algorithms;
}

bool takes(const LibraryHandle& handle, const Product& product,
           const cublasLtMatmulAlgo_t& algorithm) {
  cublasLtMatmulHeuristicResult_t found{};
  const cublasStatus_t status = cublasLtMatmulAlgoCheck(
      handle.get(), product.description.get(), product.first.get(), product.second.get(),
      product.result.get(), product.result.get(), &algorithm, &found);
  return status == CUBLAS_STATUS_SUCCESS && found.state == CUBLAS_STATUS_SUCCESS &&
         found.workspaceSize <= static_cast<std::size_t>(kWorkspaceBytes);
}

cublasLtMatmulAlgo_t fastest_of(const LibraryHandle& handle, const CudaStream& stream,
                                const Product& product, std::size_t result_bytes,
                                const std::vector<cublasLtMatmulAlgo_t>& algorithms) {
  const TimingSpace space(stream, product.result_data, result_bytes);
  float fastest = std::numeric_limits<float>::infinity();
  const cublasLtMatmulAlgo_t* chosen = nullptr;
  for (const cublasLtMatmulAlgo_t& algorithm : algorithms) {
    const float elapsed = milliseconds_of(handle, stream, product, algorithm, space.memory());
    if (elapsed < fastest) {
      fastest = elapsed;
      chosen = &algorithm;
    }
  }
  if (chosen == nullptr) {
    throw DeviceError(
        "cublasLt: none of the algorithms that it names takes a product; use another version of "
        "the library");
  }
  return *chosen;
}

}  // namespace lambert
