// SPDX-License-Identifier: Apache-2.0
#include "train/named_parameters.h"

namespace lambert {

std::vector<NamedParameter> named_parameters(const std::vector<ModelParameter>& model_parameters) {
  std::vector<NamedParameter> parameters;
  for (const ModelParameter& parameter : model_parameters) {
    parameters.push_back({parameter.name, parameter.master, parameter.compute, parameter.gradient});
  }
  return parameters;
}

}  // namespace lambert
