// SPDX-License-Identifier: Apache-2.0
// Matrix products by cublasLt. The library thinks in columns: a row-major matrix is to it the
// transposed one, so result = left right is computed as result^T = right^T left^T. `first` below is
// the library's first operand, our right one.
#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include "base/error.h"
#include "kernels/add_bias.h"
#include "kernels/matmul.h"
#include "kernels/matmul_choices.h"

namespace lambert {

namespace {

/// What NVIDIA recommends for Hopper and later; split products use it for partial sums.
constexpr std::int64_t kWorkspaceBytes = std::int64_t{32} << 20;
constexpr int kCandidates = 16;  // of the library's own ranking
constexpr int kRepetitions = 5;  // of each; the fastest counts, as others may use the device

void check_cuda(cudaError_t status, const char* doing) {
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

/// Owners of the library's objects.
struct Deleter {
  void operator()(cublasLtHandle_t handle) const { cublasLtDestroy(handle); }
  void operator()(cublasLtMatmulDesc_t object) const { cublasLtMatmulDescDestroy(object); }
  void operator()(cublasLtMatrixLayout_t object) const { cublasLtMatrixLayoutDestroy(object); }
  void operator()(cublasLtMatmulPreference_t object) const {
    cublasLtMatmulPreferenceDestroy(object);
  }
  void operator()(cudaEvent_t event) const { cudaEventDestroy(event); }
};
template <typename Pointer>
using Owned = std::unique_ptr<std::remove_pointer_t<Pointer>, Deleter>;

/// Of the calling thread, for the device that was current at its first product.
struct Library {
  Owned<cublasLtHandle_t> handle;
  std::string name;  // of the device, and the library's version
  MatmulChoices choices;

  Library() {
    cublasLtHandle_t made = nullptr;
    check_library(cublasLtCreate(&made), "starting");
    handle.reset(made);
    int device = 0;
    check_cuda(cudaGetDevice(&device), "asking for the device");
    cudaDeviceProp properties{};
    check_cuda(cudaGetDeviceProperties(&properties, device), "asking for the device's name");
    name = std::string(properties.name) + ", cublasLt " + std::to_string(cublasLtGetVersion());
  }
};

Library& library() {
  thread_local Library instance;
  return instance;
}

cudaDataType_t data_type(ElementType type) {
  return type == ElementType::float32 ? CUDA_R_32F : CUDA_R_16BF;
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

/// One product as the library sees it.
struct Product {
  Owned<cublasLtMatmulDesc_t> description;
  Owned<cublasLtMatrixLayout_t> first;
  Owned<cublasLtMatrixLayout_t> second;
  Owned<cublasLtMatrixLayout_t> result;
  const void* first_data = nullptr;
  const void* second_data = nullptr;
  float beta = 0.0F;
};

template <typename Value>
void set(const Product& product, cublasLtMatmulDescAttributes_t attribute, const Value& value) {
  check_library(
      cublasLtMatmulDescSetAttribute(product.description.get(), attribute, &value, sizeof(value)),
      "describing a product");
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
  product.beta = accumulate == Accumulate::yes ? 1.0F : 0.0F;
  return product;
}

/// result = the product + beta * old.
cublasStatus_t try_product(const Library& lib, const CudaStream& stream, const Product& product,
                           const cublasLtMatmulAlgo_t& algorithm, const void* old, void* result) {
  const float alpha = 1.0F;
  return cublasLtMatmul(lib.handle.get(), product.description.get(), &alpha, product.first_data,
                        product.first.get(), product.second_data, product.second.get(),
                        &product.beta, old, product.result.get(), result, product.result.get(),
                        &algorithm, stream.scratch, static_cast<std::size_t>(kWorkspaceBytes),
                        static_cast<cudaStream_t>(stream.handle));
}

std::vector<cublasLtMatmulAlgo_t> candidates(const Library& lib, const Product& product) {
  cublasLtMatmulPreference_t made = nullptr;
  check_library(cublasLtMatmulPreferenceCreate(&made), "looking for algorithms");
  const Owned<cublasLtMatmulPreference_t> preference(made);
  const auto workspace = static_cast<std::uint64_t>(kWorkspaceBytes);
  check_library(cublasLtMatmulPreferenceSetAttribute(made, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                     &workspace, sizeof(workspace)),
                "looking for algorithms");
  std::array<cublasLtMatmulHeuristicResult_t, kCandidates> found{};
  int count = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      lib.handle.get(), product.description.get(), product.first.get(), product.second.get(),
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

Owned<cudaEvent_t> make_event() {
  cudaEvent_t event = nullptr;
  check_cuda(cudaEventCreate(&event), "making an event");
  return Owned<cudaEvent_t>(event);
}

/// Of the fastest repetition; infinite when the algorithm does not take the product.
float milliseconds_of(const Library& lib, const CudaStream& stream, const Product& product,
                      const cublasLtMatmulAlgo_t& algorithm, void* space) {
  const Owned<cudaEvent_t> begin = make_event();
  const Owned<cudaEvent_t> end = make_event();
  auto* const handle = static_cast<cudaStream_t>(stream.handle);
  float fastest = std::numeric_limits<float>::infinity();
  for (int repetition = 0; repetition <= kRepetitions; ++repetition) {
    check_cuda(cudaEventRecord(begin.get(), handle), "timing a product");
    if (try_product(lib, stream, product, algorithm, space, space) != CUBLAS_STATUS_SUCCESS) {
      return std::numeric_limits<float>::infinity();
    }
    check_cuda(cudaEventRecord(end.get(), handle), "timing a product");
    check_cuda(cudaEventSynchronize(end.get()), "timing a product");
    float elapsed = 0.0F;
    check_cuda(cudaEventElapsedTime(&elapsed, begin.get(), end.get()), "timing a product");
    fastest = repetition == 0 ? fastest : std::min(fastest, elapsed);  // the first one warms up
  }
  return fastest;
}

/// Memory like the result's, of the stream, for products that are only timed: the result itself may
/// hold what is accumulated to.
class TimingSpace {
 public:
  TimingSpace(const CudaStream& stream, std::size_t bytes)
      : stream_(static_cast<cudaStream_t>(stream.handle)) {
    check_cuda(cudaMallocAsync(&memory_, bytes, stream_), "allocating memory to time a product");
  }
  ~TimingSpace() { cudaFreeAsync(memory_, stream_); }
  TimingSpace(const TimingSpace&) = delete;
  TimingSpace& operator=(const TimingSpace&) = delete;
  void* memory() const { return memory_; }

 private:
  cudaStream_t stream_;
  void* memory_ = nullptr;
};

void refuse_in_capture(const CudaStream& stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check_cuda(cudaStreamIsCapturing(static_cast<cudaStream_t>(stream.handle), &status),
             "asking whether a graph is captured");
  LAMBERT_CHECK(status == cudaStreamCaptureStatusNone,
                "matmul: a shape is seen for the first time while a graph is captured");
}

cublasLtMatmulAlgo_t fastest_of(const Library& lib, const CudaStream& stream,
                                const Product& product, std::size_t result_bytes,
                                const std::vector<cublasLtMatmulAlgo_t>& algorithms) {
  const TimingSpace space(stream, result_bytes);
  float fastest = std::numeric_limits<float>::infinity();
  const cublasLtMatmulAlgo_t* chosen = nullptr;
  for (const cublasLtMatmulAlgo_t& algorithm : algorithms) {
    const float elapsed = milliseconds_of(lib, stream, product, algorithm, space.memory());
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

std::string numbers(std::initializer_list<std::int64_t> values) {
  std::string text;
  for (const std::int64_t value : values) {
    text += ' ' + std::to_string(value);
  }
  return text;
}

std::int64_t alignment_of(const void* data) {
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  return static_cast<std::int64_t>(std::min<std::uintptr_t>(16, address & (~address + 1)));
}

/// Everything that the choice of an algorithm depends on.
std::string key_of(const Library& lib, const Matrix& left, const Matrix& right,
                   const MutableMatrix& result, bool has_bias, Accumulate accumulate,
                   Float32Products products) {
  return lib.name + ":" +
         numbers({left.rows, right.columns, left.columns, static_cast<std::int64_t>(left.type),
                  static_cast<std::int64_t>(result.type), left.row_stride, left.column_stride,
                  right.row_stride, right.column_stride, result.row_stride, alignment_of(left.data),
                  alignment_of(right.data), alignment_of(result.data),
                  static_cast<std::int64_t>(has_bias), static_cast<std::int64_t>(accumulate),
                  static_cast<std::int64_t>(products)});
}

std::size_t bytes_of(const MutableMatrix& matrix) {
  const std::int64_t element_bytes = matrix.type == ElementType::float32 ? 4 : 2;
  return static_cast<std::size_t>(matrix.rows * matrix.row_stride * element_bytes);
}

static_assert(sizeof(cublasLtMatmulAlgo_t) == sizeof(MatmulChoices::Algorithm));

/// Adds the bias if the product could not.
void add_bias_after(const CudaStream& stream, const float* bias, const MutableMatrix& result) {
  if (result.type == ElementType::float32) {
    add_bias(stream, bias, result.rows, result.columns, result.row_stride,
             static_cast<float*>(result.data));
  } else {
    add_bias(stream, bias, result.rows, result.columns, result.row_stride,
             static_cast<Bfloat16*>(result.data));
  }
}

/// False when the library has no algorithm for the product with this bias.
bool multiply(const CudaStream& stream, const Matrix& left, const Matrix& right,
              const MutableMatrix& result, const float* fused_bias, Accumulate accumulate,
              Float32Products products) {
  Library& lib = library();
  const Product product = describe(left, right, result, fused_bias, accumulate, products);
  const std::string key =
      key_of(lib, left, right, result, fused_bias != nullptr, accumulate, products);
  constexpr MatmulChoices::Algorithm kNone{};
  auto choice = lib.choices.find(key);
  if (!choice.has_value()) {
    refuse_in_capture(stream);
    const std::vector<cublasLtMatmulAlgo_t> algorithms = candidates(lib, product);
    choice = algorithms.empty() ? kNone
                                : std::bit_cast<MatmulChoices::Algorithm>(fastest_of(
                                      lib, stream, product, bytes_of(result), algorithms));
    lib.choices.keep(key, *choice);
  }
  if (*choice == kNone) {
    return false;
  }
  check_library(try_product(lib, stream, product, std::bit_cast<cublasLtMatmulAlgo_t>(*choice),
                            result.data, result.data),
                "multiplying");
  return true;
}

}  // namespace

std::int64_t matmul_scratch_bytes() {
  return kWorkspaceBytes;
}

void keep_matmul_choices(const std::string& path) {
  library().choices.use_file(path);
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
  if (!has_long_rows(result.column_stride)) {
    LAMBERT_CHECK(bias == nullptr, "matmul: a bias needs a result whose rows lie together");
    matmul(stream, right.transposed(), left.transposed(), result.transposed(), nullptr, accumulate,
           products);
    return;
  }
  if (bias != nullptr && multiply(stream, left, right, result, bias, accumulate, products)) {
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
