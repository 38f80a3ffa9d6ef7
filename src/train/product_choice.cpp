// SPDX-License-Identifier: Apache-2.0
#include "train/product_choice.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>

#include "base/log.h"
#include "kernels/matmul.h"
#include "model/model_parameter.h"
#include "train/rank_agreement.h"

namespace lambert {
namespace {

std::set<MatrixShape> encoder_shapes(const ModelConfig& model) {
  return {{3 * model.hidden_size, model.hidden_size},
          {model.hidden_size, model.hidden_size},
          {model.intermediate_size, model.hidden_size},
          {model.hidden_size, model.intermediate_size}};
}

std::string describe(const ProductTimes& times, ProductForm form) {
  char text[128];  // NOLINT(modernize-avoid-c-arrays)
  std::snprintf(text, sizeof text, "%s (direct %.3f ms, packed %.3f ms, packing %.3f ms%s)",
                form == ProductForm::packed ? "packed" : "direct", 1e3 * times.direct,
                1e3 * times.packed, 1e3 * times.packing,
                times.equal_bits ? "" : ", other bits when packed");
  return text;
}

char letter_of(ProductForm form) {
  return form == ProductForm::packed ? 'p' : 'd';
}

ProductForm form_of(char letter) {
  return letter == 'p' ? ProductForm::packed : ProductForm::direct;
}

/// Two letters for each shape, in order: forward, input gradient.
std::string measure(const RunConfig& config, std::int64_t row_count, std::int64_t uses) {
  constexpr std::int64_t kMostRows = 4096;  // more only take longer to measure
  const std::int64_t rows = std::min(kMostRows, row_count);
  const at::ScalarType type = compute_type(config.precision);
  std::string letters;
  for (const auto& [outputs, inputs] : encoder_shapes(config.model)) {
    const WeightTimes times = measure_products(inputs, outputs, rows, type);
    const ProductForms forms = choose_forms(times, uses);
    log_debug("products weight=" + std::to_string(outputs) + "x" + std::to_string(inputs) +
              " rows=" + std::to_string(rows) +
              " forward=" + describe(times.forward, forms.forward) + " input_gradient=" +
              describe(times.input_gradient, forms.input_gradient) + " weight_gradient=direct");
    letters += {letter_of(forms.forward), letter_of(forms.input_gradient)};
  }
  return letters;
}

}  // namespace

std::map<MatrixShape, ProductForms> choose_products(const RunConfig& config, std::int64_t row_count,
                                                    std::int64_t uses, Communicator& communicator) {
  const std::set<MatrixShape> shapes = encoder_shapes(config.model);
  if (config.precision == Precision::bf16 && !multiplies_bfloat16() && communicator.rank() == 0) {
    log_warning(
        "precision: bf16 on a processor without AVX-512: products are computed in fp32, so it "
        "saves memory but no time");
  }
  const bool is_fp16 = config.precision == Precision::fp16;
  if (is_fp16 && communicator.rank() == 0) {
    log_warning(
        "precision: fp16 on a CPU: products are computed in fp32, so it saves memory but no time; "
        "bf16 does the same and needs no loss scaling");
  }
  std::string letters(2 * shapes.size(), letter_of(ProductForm::direct));
  if (config.pack_weights && (is_fp16 || !multiplies_bfloat16())) {
    // Widened, or without AVX-512, the library adds in an order that depends on form and row count:
    // another choice at a resume would give other bits.
    log_debug("products: all direct, packed ones keep the bits on AVX-512 and unwidened only");
  } else if (config.pack_weights) {
    letters = text_of_rank_zero(communicator,
                                communicator.rank() == 0 ? measure(config, row_count, uses) : "");
  } else {
    log_debug("products: all direct, pack_weights is off");
  }
  std::map<MatrixShape, ProductForms> forms;
  std::size_t place = 0;
  for (const MatrixShape& shape : shapes) {
    forms[shape] = {form_of(letters.at(place)), form_of(letters.at(place + 1))};
    place += 2;
  }
  return forms;
}

}  // namespace lambert
