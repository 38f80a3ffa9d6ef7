// SPDX-License-Identifier: Apache-2.0
// Comparison with ATen in double precision on the same (rounded) inputs.
#pragma once

#include <string>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

namespace lambert {

/// |ours - theirs| / |theirs|. bf16 keeps 8 bits: 2^-9 of a rounding, several of them in a row;
/// fp16 11 bits, an eighth of it.
inline double tolerance_of(at::ScalarType type) {
  if (type == at::kFloat) {
    return 3e-6;
  }
  return type == at::kBFloat16 ? 1e-2 : 1.25e-3;
}

inline at::Tensor double_leaf(const at::Tensor& tensor) {
  return tensor.to(at::kDouble).detach().requires_grad_(true);
}

/// computed: the type that ours was computed in; gradients of weights are kept in fp32.
inline void expect_close(const at::Tensor& ours, const at::Tensor& theirs, at::ScalarType computed,
                         const std::string& what) {
  const double error = (ours.to(at::kDouble) - theirs).norm().item<double>();
  EXPECT_LE(error, tolerance_of(computed) * theirs.norm().item<double>()) << what;
}

inline void expect_close(const at::Tensor& ours, const at::Tensor& theirs,
                         const std::string& what) {
  expect_close(ours, theirs, ours.scalar_type(), what);
}

}  // namespace lambert
