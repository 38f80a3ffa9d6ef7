// SPDX-License-Identifier: Apache-2.0
#include "model/initialisation.h"

#include <algorithm>
#include <thread>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include "base/counter_rng.h"

namespace lambert {

namespace {

/// Starting a thread takes about as long as so many numbers.
constexpr std::int64_t kFewestOfAThread = 1 << 14;

bool ends_with_bias(const std::string& name) {
  return name.ends_with(".bias");
}

bool is_norm_gain(const std::string& name) {
  return name.ends_with("LayerNorm.weight");
}

/// values: (count) from N(0, deviation), number i from block i of the parameter's stream.
void fill_with_normals(float* values, std::int64_t count, double deviation, PhiloxKey key,
                       std::uint32_t parameter_index) {
  const auto fill = [=](std::int64_t begin, std::int64_t end) {
    CounterStream stream(key, 0, parameter_index, static_cast<std::uint32_t>(begin));
    for (std::int64_t i = begin; i < end; ++i) {
      values[i] = static_cast<float>(deviation * stream.normal());
    }
  };
  const std::int64_t parts =
      std::clamp<std::int64_t>(count / kFewestOfAThread, 1, at::get_num_threads());
  std::vector<std::jthread> helpers;
  for (std::int64_t part = 1; part < parts; ++part) {
    helpers.emplace_back(fill, count * part / parts, count * (part + 1) / parts);
  }
  fill(0, count / parts);
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
  fill_with_normals(values.mutable_data_ptr<float>(), values.numel(), config.initializer_range,
                    philox_key(seed, RandomPurpose::initialisation), parameter_index);
  return values;
}

}  // namespace lambert
