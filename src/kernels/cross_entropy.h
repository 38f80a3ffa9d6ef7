// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/cuda_stream.h"
#include "kernels/element.h"

namespace lambert {

struct CrossEntropySums {
  double loss = 0.0;         // sum over rows of -log softmax(logits)[label]
  std::int64_t correct = 0;  // rows whose first largest logit is the label's
};

enum class LogitsBecome { unchanged, gradients };

/// The label of a row that does not count: its loss and its gradients are zero.
inline constexpr std::int64_t kNoLabel = -1;

/// What gradients of logits are multiplied by when they are stored. Of 30,000 classes most have a
/// probability that binary16, with nothing below 2^-24, would make zero; a power of two rounds
/// nothing.
template <typename T>
inline constexpr float kLogitGradientScale = 1.0F;
template <>
inline constexpr float kLogitGradientScale<Float16> = 64.0F;

/// Softmax cross-entropy in fp32. logits: (N, C); labels: (N), each in 0 .. C-1 or kNoLabel. With
/// LogitsBecome::gradients the logits are replaced by the gradients of the loss sum, times
/// kLogitGradientScale<T>: softmax - one_hot(label).
template <typename T>
CrossEntropySums cross_entropy(T* logits, const std::int64_t* labels, std::int64_t rows,
                               std::int64_t classes, LogitsBecome become);

/// On a device; sums is device memory too, and overwritten.
template <typename T>
void cross_entropy(const CudaStream& stream, T* logits, const std::int64_t* labels,
                   std::int64_t rows, std::int64_t classes, LogitsBecome become,
                   CrossEntropySums* sums);
std::int64_t cross_entropy_scratch_bytes(std::int64_t rows);

}  // namespace lambert
