// SPDX-License-Identifier: Apache-2.0
// The optimizer and the schedule of a config, for optimizer_parity.py.
//   optimizer_trace rates CONFIG                             every step's learning rate, phase by
//   phase optimizer_trace updates CONFIG INPUT OUTPUT [key=value...]  the first phase over recorded
//   gradients
// INPUT holds <name>.weight0 and <name>.gradients (steps, ...); OUTPUT gets weights and moments
// after the last step.
#include <cstdio>
#include <iostream>
#include <map>

#include <ATen/core/Tensor.h>

#include "base/error.h"
#include "checkpoint/safetensors.h"
#include "config/load_run_config.h"
#include "optim/gradient_norm.h"
#include "optim/lr_schedule.h"
#include "optim/optimizer.h"
#include "support/reduced_gradients.h"

namespace lambert {
namespace {

void print_rates(const RunConfig& config) {
  for (const PhaseConfig& phase : config.phases) {
    const LrSchedule schedule(phase);
    for (std::int64_t step = 0; step < phase.max_steps; ++step) {
      std::printf("%s %lld %.17g\n", phase.name.c_str(), static_cast<long long>(step),
                  schedule.rate_at(step));
    }
  }
}

void write_results(const std::filesystem::path& output,
                   const std::vector<NamedParameter>& parameters, Optimizer& optimizer) {
  std::vector<NamedTensor> results;
  for (std::size_t index = 0; index < parameters.size(); ++index) {
    const std::string& name = parameters[index].name;
    const OptimizerMoments& moments = optimizer.moments()[index];
    results.push_back({name + ".weight", parameters[index].master.detach()});
    results.push_back({name + ".first", moments.first});
    if (moments.second.defined()) {
      results.push_back({name + ".second", moments.second});
    }
  }
  write_safetensors(*make_posix_file_system(), output, results);
}

void run_updates(const RunConfig& config, const std::filesystem::path& input,
                 const std::filesystem::path& output) {
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
  const std::unique_ptr<Optimizer> optimizer =
      make_optimizer(config.optimizer, one_rank.parameters());
  const PhaseConfig& phase = config.phases.front();
  const LrSchedule schedule(phase);
  for (std::int64_t step = 0; step < phase.max_steps; ++step) {
    std::vector<at::Tensor> of_step;
    for (const at::Tensor& all : gradients) {
      of_step.push_back(all[step]);
    }
    const ReducedGradients reduced = one_rank.set(of_step);
    const GradientNorm norm = measure_gradient_norm(reduced);
    optimizer->step(reduced, norm.clip_scale(config.optimizer.max_grad_norm),
                    schedule.rate_at(step));
  }
  write_results(output, parameters, *optimizer);
}

}  // namespace
}  // namespace lambert

int main(int argument_count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + argument_count);
  try {
    if (words.size() == 2 && words[0] == "rates") {
      lambert::print_rates(lambert::load_run_config(words[1], {}));
      return 0;
    }
    if (words.size() >= 4 && words[0] == "updates") {
      const lambert::RunConfig config =
          lambert::load_run_config(words[1], {words.begin() + 4, words.end()});
      lambert::run_updates(config, words[2], words[3]);
      return 0;
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  std::cerr << "usage: optimizer_trace rates CONFIG | updates CONFIG INPUT OUTPUT [key=value...]\n";
  return 2;
}
