// SPDX-License-Identifier: Apache-2.0
// From LibTorch's tensors to the kernels' pointers. Tensors are fp32, bf16 or fp16, and contiguous;
// of a matrix the rows are, which may lie apart.
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

inline ElementType element_type_of(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return ElementType::float32;
    case at::kBFloat16:
      return ElementType::bfloat16;
    case at::kHalf:
      return ElementType::float16;
    default:
      throw InternalError("a tensor is neither fp32, bf16 nor fp16");
  }
}

/// Calls work(float{}), work(Bfloat16{}) or work(Float16{}).
template <typename Work>
void with_element_type(const at::Tensor& tensor, const Work& work) {
  switch (element_type_of(tensor)) {
    case ElementType::float32:
      return work(0.0F);
    case ElementType::bfloat16:
      return work(Bfloat16{});
    case ElementType::float16:
      return work(Float16{});
  }
}

inline Matrix matrix_of(const at::Tensor& tensor) {
  return {tensor.const_data_ptr(), element_type_of(tensor), tensor.size(0),
          tensor.size(1),          tensor.stride(0),        1};
}

inline MutableMatrix mutable_matrix_of(const at::Tensor& tensor) {
  return {tensor.mutable_data_ptr(),
          element_type_of(tensor),
          tensor.size(0),
          tensor.size(1),
          tensor.stride(0),
          1};
}

}  // namespace lambert
