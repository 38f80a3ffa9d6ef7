// SPDX-License-Identifier: Apache-2.0
// Runs the optimizer over recorded gradients: optimizer_trace INPUT OUTPUT STEPS key=value...
// INPUT holds <name>.weight0 and <name>.gradients (steps, ...); OUTPUT gets weights and moments
// after the last step.
#include <iostream>
#include <map>

#include <ATen/ATen.h>

#include "base/error.h"
#include "checkpoint/safetensors.h"
#include "optim/optimizer.h"
#include "support/reduced_gradients.h"

namespace lambert {
namespace {

OptimizerConfig config_of(const std::map<std::string, std::string>& settings) {
  OptimizerConfig config;
  const auto number = [&](const char* key, double& field) {
    if (const auto found = settings.find(key); found != settings.end()) {
      field = std::stod(found->second);
    }
  };
  const auto flag = [&](const char* key, bool& field) {
    if (const auto found = settings.find(key); found != settings.end()) {
      field = found->second == "true";
    }
  };
  number("weight_decay", config.weight_decay);
  number("max_grad_norm", config.max_grad_norm);
  number("adam_epsilon", config.adam_epsilon);
  number("trust_ratio_min", config.trust_ratio_min);
  number("trust_ratio_max", config.trust_ratio_max);
  number("weight_norm_max", config.weight_norm_max);
  flag("bias_correction", config.bias_correction);
  flag("grad_averaging", config.grad_averaging);
  flag("epsilon_inside_sqrt", config.epsilon_inside_sqrt);
  flag("adapt_excluded", config.adapt_excluded);
  if (settings.contains("name") && settings.at("name") == "adamw") {
    config.name = OptimizerName::adamw;
  }
  if (settings.contains("bias_correction_placement") &&
      settings.at("bias_correction_placement") == "step_size") {
    config.bias_correction_placement = BiasCorrectionPlacement::step_size;
  }
  return config;
}

void run(const std::filesystem::path& input, const std::filesystem::path& output,
         std::int64_t steps, const OptimizerConfig& config) {
  const std::map<std::string, at::Tensor> recorded = read_safetensors(input);
  std::vector<NamedParameter> parameters;
  std::vector<at::Tensor> gradients;  // (steps, shape of the parameter)
  const std::string suffix = ".weight0";
  for (const auto& [key, tensor] : recorded) {
    if (key.ends_with(suffix)) {
      const std::string name = key.substr(0, key.size() - suffix.size());
      const at::Tensor master = tensor.clone().set_requires_grad(true);
      parameters.push_back({name, master, master});
      gradients.push_back(recorded.at(name + ".gradients"));
    }
  }
  OneRankGradients one_rank(parameters);
  const std::unique_ptr<Optimizer> optimizer = make_optimizer(config, one_rank.parameters());
  for (std::int64_t step = 0; step < steps; ++step) {
    std::vector<at::Tensor> of_step;
    for (const at::Tensor& all : gradients) {
      of_step.push_back(all[step]);
    }
    const ReducedGradients reduced = one_rank.set(of_step);
    const GradientNorm norm = measure_gradient_norm(reduced);
    const double learning_rate = 1e-2 * static_cast<double>(step + 1) / static_cast<double>(steps);
    optimizer->step(reduced, norm.clip_scale(config.max_grad_norm), learning_rate);
  }
  std::vector<NamedTensor> results;
  for (std::size_t index = 0; index < parameters.size(); ++index) {
    const std::string& name = parameters[index].name;
    results.push_back({name + ".weight", parameters[index].master.detach()});
    results.push_back({name + ".first", optimizer->moments()[index].first});
    results.push_back({name + ".second", optimizer->moments()[index].second});
  }
  write_safetensors(*make_posix_file_system(), output, results);
}

}  // namespace
}  // namespace lambert

int main(int argument_count, char** arguments) {
  if (argument_count < 4) {
    std::cerr << "usage: optimizer_trace INPUT OUTPUT STEPS key=value...\n";
    return 2;
  }
  std::map<std::string, std::string> settings;
  for (int i = 4; i < argument_count; ++i) {
    const std::string text = arguments[i];
    settings[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
  }
  try {
    lambert::run(arguments[1], arguments[2], std::atoll(arguments[3]),
                 lambert::config_of(settings));
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
