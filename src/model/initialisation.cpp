// SPDX-License-Identifier: Apache-2.0
#include "model/initialisation.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include "base/counter_rng.h"

namespace lambert {

namespace {

bool ends_with_bias(const std::string& name) {
  return name.ends_with(".bias");
}

bool is_norm_gain(const std::string& name) {
  return name.ends_with("LayerNorm.weight");
}

}  // namespace

at::Tensor make_initial_parameter(const ParameterShape& parameter, std::uint32_t parameter_index,
                                  const ModelConfig& config, std::uint64_t seed) {
  const at::TensorOptions options = at::TensorOptions().dtype(at::kFloat);
  if (ends_with_bias(parameter.name)) {
    return at::zeros(parameter.shape, options);
  }
  if (is_norm_gain(parameter.name)) {
    return at::ones(parameter.shape, options);
  }
  at::Tensor values = at::empty(parameter.shape, options);
  CounterStream stream(philox_key(seed, RandomPurpose::initialisation), 0, parameter_index);
  float* const data = values.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    data[i] = static_cast<float>(config.initializer_range * stream.normal());
  }
  return values;
}

}  // namespace lambert
