// SPDX-License-Identifier: Apache-2.0
#include "optim/parameter_treatment.h"

#include <algorithm>

#include "base/error.h"

namespace lambert {
namespace {

bool name_contains(const std::string& name, const std::string& part) {
  return !part.empty() && name.find(part) != std::string::npos;
}

}  // namespace

std::vector<ParameterTreatment> choose_treatments(const OptimizerConfig& config,
                                                  const std::vector<NamedParameter>& parameters) {
  for (const std::string& part : config.weight_decay_exclude) {
    const bool matches = std::any_of(
        parameters.begin(), parameters.end(),
        [&](const NamedParameter& parameter) { return name_contains(parameter.name, part); });
    if (!matches) {
      throw ConfigError(
          "optimizer.weight_decay_exclude: '" + part +
          "' is part of no parameter's name; use parts such as 'bias' or 'LayerNorm'");
    }
  }
  std::vector<ParameterTreatment> treatments;
  for (const NamedParameter& parameter : parameters) {
    const bool excluded =
        std::any_of(config.weight_decay_exclude.begin(), config.weight_decay_exclude.end(),
                    [&](const std::string& part) { return name_contains(parameter.name, part); });
    const bool adapted =
        config.name != OptimizerName::adamw && (!excluded || config.adapt_excluded);
    treatments.push_back({parameter.name, !excluded && config.weight_decay != 0.0, adapted});
  }
  return treatments;
}

}  // namespace lambert
