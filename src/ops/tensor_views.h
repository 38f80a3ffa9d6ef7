// SPDX-License-Identifier: Apache-2.0
// From LibTorch's tensors to the kernels' pointers. Tensors are contiguous, fp32 or bf16.
#pragma once

#include <ATen/core/Tensor.h>

#include "base/error.h"
#include "kernels/matmul.h"

namespace lambert {

template <typename T>
const T* data_of(const at::Tensor& tensor) {
  return static_cast<const T*>(tensor.const_data_ptr());
}

template <typename T>
T* mutable_data_of(const at::Tensor& tensor) {
  return static_cast<T*>(tensor.mutable_data_ptr());
}

inline const float* floats_of(const at::Tensor& tensor) {
  return data_of<float>(tensor);
}
inline float* mutable_floats_of(const at::Tensor& tensor) {
  return mutable_data_of<float>(tensor);
}

/// Calls work(float{}) or work(Bfloat16{}).
template <typename Work>
void with_element_type(const at::Tensor& tensor, const Work& work) {
  if (tensor.scalar_type() == at::kBFloat16) {
    work(Bfloat16{});
  } else {
    LAMBERT_CHECK(tensor.scalar_type() == at::kFloat, "activations are neither fp32 nor bf16");
    work(0.0F);
  }
}

inline ElementType element_type_of(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kBFloat16 ? ElementType::bfloat16 : ElementType::float32;
}

inline Matrix matrix_of(const at::Tensor& tensor) {
  return {tensor.const_data_ptr(), element_type_of(tensor), tensor.size(0),
          tensor.size(1),          tensor.size(1),          1};
}

inline MutableMatrix mutable_matrix_of(const at::Tensor& tensor) {
  return {tensor.mutable_data_ptr(),
          element_type_of(tensor),
          tensor.size(0),
          tensor.size(1),
          tensor.size(1),
          1};
}

}  // namespace lambert
