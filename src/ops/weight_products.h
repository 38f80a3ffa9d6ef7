// SPDX-License-Identifier: Apache-2.0
// How the products with a weight matrix run. A weight is the same for all micro-batches of a step,
// so copying it once into the layout that the matmul library reads fastest can pay.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <ATen/core/Tensor.h>

#include "kernels/matmul.h"

namespace lambert {

/// direct: on the tensors as they lie. packed: on a copy of the weight in the library's layout.
enum class ProductForm { direct, packed };

/// Of one weight (out, in). The weight gradient has no operand that stays, so it is direct.
struct ProductForms {
  ProductForm forward = ProductForm::direct;         // x W^T
  ProductForm input_gradient = ProductForm::direct;  // dy W
  bool operator==(const ProductForms&) const = default;
};

/// (out, in) of a weight matrix.
using MatrixShape = std::pair<std::int64_t, std::int64_t>;

/// A weight's forms and copies. Handles of a weight share one.
class WeightProducts {
 public:
  /// row_count: tokens of a micro-batch, about.
  void choose(const ProductForms& forms, std::int64_t row_count);

  /// How a device multiplies fp32; the host's products are always as written.
  void use(Float32Products products) { float32_products_ = products; }
  Float32Products float32_products() const { return float32_products_; }

  /// The current copy of W^T, or nullptr when the form is direct. A copy is made again when the
  /// tensor's version (LibTorch's count of in-place changes) is another one. compute: (out, in).
  const PackedMatrix* forward_copy(const at::Tensor& compute);
  /// The same of W.
  const PackedMatrix* input_gradient_copy(const at::Tensor& compute);

 private:
  struct Copy {
    PackedMatrix matrix;
    std::int64_t version = -1;  // of the weight that was copied
  };
  const PackedMatrix* current(ProductForm form, Copy& copy, const at::Tensor& compute,
                              bool transposed) const;

  ProductForms forms_;
  Float32Products float32_products_ = Float32Products::ieee;
  std::int64_t row_count_ = 0;
  Copy forward_;
  Copy input_gradient_;
};

/// What was measured of one product, seconds.
struct ProductTimes {
  double direct = 0.0;
  double packed = 0.0;
  double packing = 0.0;
  bool equal_bits = false;  // of both forms, for row_count rows and for an odd number
};

struct WeightTimes {
  ProductTimes forward;
  ProductTimes input_gradient;
};

/// Takes some tens of products of this shape. type: fp32, bf16 or fp16.
WeightTimes measure_products(std::int64_t inputs, std::int64_t outputs, std::int64_t row_count,
                             at::ScalarType type);

/// Packed where it saves at least 1 % with its share of the packing and gives the same bits, so
/// that the choice, which differs from start to start, changes nothing but time. uses: products
/// with one packed copy.
ProductForms choose_forms(const WeightTimes& times, std::int64_t uses);

}  // namespace lambert
