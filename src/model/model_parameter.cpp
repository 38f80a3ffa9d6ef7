// SPDX-License-Identifier: Apache-2.0
#include "model/model_parameter.h"

#include <map>
#include <optional>
#include <string>

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include "model/initialisation.h"

namespace lambert {

at::ScalarType compute_type(Precision precision) {
  switch (precision) {
    case Precision::bf16:
      return at::kBFloat16;
    case Precision::fp16:
      return at::kHalf;
    default:
      return at::kFloat;
  }
}

namespace {

/// Which third of a joined tensor a parameter of query, key or value is.
struct JoinedPlace {
  std::string whole;  // the parameter's name without the word
  std::int64_t third = 0;
};

std::optional<JoinedPlace> joined_place(const std::string& name) {
  std::int64_t third = 0;
  for (const std::string word : {".query.", ".key.", ".value."}) {
    const std::size_t begin = name.find(".attention.self" + word);
    if (begin != std::string::npos) {
      return JoinedPlace{name.substr(0, begin) + name.substr(name.rfind('.')), third};
    }
    ++third;
  }
  return std::nullopt;
}

/// Memory of parameters. Query, key and value of a layer lie one behind the other, so that one
/// product computes all three (ops/joined_linear.h).
class ParameterMemory {
 public:
  explicit ParameterMemory(const at::TensorOptions& options) : options_(options) {}

  at::Tensor take(const ParameterShape& parameter) {
    const std::optional<JoinedPlace> place = joined_place(parameter.name);
    if (!place) {
      return at::empty(parameter.shape, options_);
    }
    at::Tensor& whole = wholes_[place->whole];
    const std::int64_t rows = parameter.shape.front();
    if (!whole.defined()) {
      std::vector<std::int64_t> shape = parameter.shape;
      shape.front() = 3 * rows;
      whole = at::empty(shape, options_);
    }
    return whole.narrow(0, place->third * rows, rows);
  }

 private:
  at::TensorOptions options_;
  std::map<std::string, at::Tensor> wholes_;
};

}  // namespace

std::vector<ModelParameter> make_parameters(const std::vector<ParameterShape>& shapes,
                                            const ModelConfig& config, Precision precision,
                                            std::uint64_t seed, const at::Device& device) {
  const at::ScalarType type = compute_type(precision);
  ParameterMemory masters(at::TensorOptions(at::kFloat).device(device));
  ParameterMemory copies(at::TensorOptions(type).device(device));
  std::vector<ModelParameter> parameters;
  for (const ParameterShape& shape : shapes) {
    const auto index = static_cast<std::uint32_t>(parameters.size());
    const at::Tensor master =
        masters.take(shape).copy_(make_initial_parameter(shape, index, config, seed));
    // Biases and LayerNorms are read in fp32.
    const bool has_copy = shape.shape.size() > 1 && type != at::kFloat;
    const at::Tensor compute = has_copy ? copies.take(shape).copy_(master) : master;
    master.requires_grad_(true);
    const bool is_matrix = shape.shape.size() == 2;
    parameters.push_back(
        {shape.name, master, compute,
         is_matrix && device.is_cpu() ? std::make_shared<GradientMemory>() : nullptr});
  }
  return parameters;
}

void refresh_compute_weights(const std::vector<ModelParameter>& parameters) {
  const at::NoGradGuard no_gradients;
  for (const ModelParameter& parameter : parameters) {
    if (!parameter.compute.is_same(parameter.master)) {
      parameter.compute.copy_(parameter.master);
    }
  }
}

}  // namespace lambert
