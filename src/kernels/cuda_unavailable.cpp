// SPDX-License-Identifier: Apache-2.0
// The device's kernels in a program without CUDA: linked instead of the .cu files.
#include "base/error.h"
#include "kernels/attention.h"
#include "kernels/bfloat16_cast.h"
#include "kernels/bias_gelu.h"
#include "kernels/column_sums.h"
#include "kernels/cross_entropy.h"
#include "kernels/dropout_residual_norm.h"
#include "kernels/embedding.h"
#include "kernels/gradient_squares.h"
#include "kernels/lamb_update.h"
#include "kernels/matmul.h"

namespace lambert {

namespace {

[[noreturn]] void refuse() {
  throw DeviceError(
      "this program was built without CUDA and was asked to compute on a device; build it with "
      "cmake --preset cuda, or run on the CPU");
}

}  // namespace

template <typename T>
void attention_forward(const CudaStream&, const AttentionShape&, const DropoutMask&, const T*, T*,
                       float*) {
  refuse();
}
template <typename T>
void attention_backward(const CudaStream&, const AttentionShape&, const DropoutMask&, const T*,
                        const T*, const float*, const T*, T*) {
  refuse();
}
std::int64_t attention_backward_scratch_bytes(const AttentionShape&) {
  refuse();
}

template <typename T>
void bias_gelu_forward(const CudaStream&, GeluForm, const T*, const float*, std::int64_t,
                       std::int64_t, T*) {
  refuse();
}
template <typename T>
void bias_gelu_backward(const CudaStream&, GeluForm, const T*, const T*, const float*, std::int64_t,
                        std::int64_t, T*, float*) {
  refuse();
}

template <typename T>
void column_sums(const CudaStream&, const T*, std::int64_t, std::int64_t, float*) {
  refuse();
}
std::int64_t column_sums_scratch_bytes(std::int64_t, std::int64_t) {
  refuse();
}
void add_partial_sums(const CudaStream&, const float*, std::int64_t, std::int64_t, float*) {
  refuse();
}

void round_to_bfloat16(const CudaStream&, const float*, std::int64_t, std::uint16_t*) {
  refuse();
}
void widen_bfloat16(const CudaStream&, const std::uint16_t*, std::int64_t, float*) {
  refuse();
}

template <typename T>
void cross_entropy(const CudaStream&, T*, const std::int64_t*, std::int64_t, std::int64_t,
                   LogitsBecome, CrossEntropySums*) {
  refuse();
}
std::int64_t cross_entropy_scratch_bytes(std::int64_t) {
  refuse();
}

void dropout_multipliers(const CudaStream&, const DropoutMask&, std::int64_t, std::uint32_t,
                         std::int64_t, float*) {
  refuse();
}

template <typename T>
void dropout_residual_norm_forward(const CudaStream&, const HiddenShape&, const DropoutMask&,
                                   const NormWeights&, const float*, const T*, T*, T*, float*,
                                   float*) {
  refuse();
}
template <typename T>
void dropout_residual_norm_backward(const CudaStream&, const HiddenShape&, const DropoutMask&,
                                    const NormWeights&, const T*, const T*, const float*,
                                    const float*, T*, T*, const NormGradients&) {
  refuse();
}
std::int64_t dropout_residual_norm_scratch_bytes(std::int64_t, std::int64_t) {
  refuse();
}

template <typename T>
void embedding_forward(const CudaStream&, const HiddenShape&, const DropoutMask&,
                       const NormWeights&, const EmbeddingLookup<T>&, T*, float*, float*) {
  refuse();
}
template <typename T>
void embedding_backward(const CudaStream&, const HiddenShape&, const DropoutMask&,
                        const NormWeights&, const EmbeddingLookup<T>&, const EmbeddingOrders&,
                        const T*, const float*, const float*, const EmbeddingGradients&) {
  refuse();
}
std::int64_t embedding_scratch_bytes(std::int64_t, std::int64_t) {
  refuse();
}

void measure_gradients(const CudaStream&, const UpdatePlan&, double*) {
  refuse();
}
void sum_gradients(const CudaStream&, const UpdatePlan&, const double*, double*, GradientSquares*) {
  refuse();
}

void update_moments(const CudaStream&, const UpdatePlan&, const LambStep&, SquaredNorms*) {
  refuse();
}
void choose_rates(const CudaStream&, const UpdatePlan&, const LambStep&, const SquaredNorms*,
                  TensorUpdate*, float*) {
  refuse();
}
void apply_update(const CudaStream&, const UpdatePlan&, const LambStep&, const float*) {
  refuse();
}

void matmul(const CudaStream&, const Matrix&, const Matrix&, const MutableMatrix&, const float*,
            Accumulate, Float32Products) {
  refuse();
}
std::int64_t matmul_scratch_bytes() {
  refuse();
}
void keep_matmul_choices(const std::string&) {
  refuse();
}

// NOLINTBEGIN(bugprone-macro-parentheses): T is a type
#define LAMBERT_FOR_ELEMENT(T)                                                                    \
  template void attention_forward(const CudaStream&, const AttentionShape&, const DropoutMask&,   \
                                  const T*, T*, float*);                                          \
  template void attention_backward(const CudaStream&, const AttentionShape&, const DropoutMask&,  \
                                   const T*, const T*, const float*, const T*, T*);               \
  template void bias_gelu_forward(const CudaStream&, GeluForm, const T*, const float*,            \
                                  std::int64_t, std::int64_t, T*);                                \
  template void bias_gelu_backward(const CudaStream&, GeluForm, const T*, const T*, const float*, \
                                   std::int64_t, std::int64_t, T*, float*);                       \
  template void column_sums(const CudaStream&, const T*, std::int64_t, std::int64_t, float*);     \
  template void cross_entropy(const CudaStream&, T*, const std::int64_t*, std::int64_t,           \
                              std::int64_t, LogitsBecome, CrossEntropySums*);                     \
  template void dropout_residual_norm_forward(const CudaStream&, const HiddenShape&,              \
                                              const DropoutMask&, const NormWeights&,             \
                                              const float*, const T*, T*, T*, float*, float*);    \
  template void dropout_residual_norm_backward(                                                   \
      const CudaStream&, const HiddenShape&, const DropoutMask&, const NormWeights&, const T*,    \
      const T*, const float*, const float*, T*, T*, const NormGradients&);                        \
  template void embedding_forward(const CudaStream&, const HiddenShape&, const DropoutMask&,      \
                                  const NormWeights&, const EmbeddingLookup<T>&, T*, float*,      \
                                  float*);                                                        \
  template void embedding_backward(const CudaStream&, const HiddenShape&, const DropoutMask&,     \
                                   const NormWeights&, const EmbeddingLookup<T>&,                 \
                                   const EmbeddingOrders&, const T*, const float*, const float*,  \
                                   const EmbeddingGradients&);
// NOLINTEND(bugprone-macro-parentheses)

LAMBERT_FOR_ELEMENT(float)
LAMBERT_FOR_ELEMENT(Bfloat16)
LAMBERT_FOR_ELEMENT(Float16)

#undef LAMBERT_FOR_ELEMENT

}  // namespace lambert
