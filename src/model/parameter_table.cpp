// SPDX-License-Identifier: Apache-2.0
#include "model/parameter_table.h"

namespace lambert {

ParameterTable::ParameterTable(const std::vector<ModelParameter>& parameters) {
  for (const ModelParameter& parameter : parameters) {
    const bool is_matrix = parameter.master.dim() == 2;
    weights_[parameter.name] = {parameter.master, parameter.compute,
                                is_matrix ? std::make_shared<WeightProducts>() : nullptr,
                                parameter.gradient};
  }
}

Weight ParameterTable::weight(const std::string& name) const {
  return weights_.at(name);
}

LinearWeights ParameterTable::linear(const std::string& name) const {
  return {weight(name + ".weight"), weight(name + ".bias")};
}

void ParameterTable::use(Float32Products products) {
  for (auto& [name, weight] : weights_) {
    if (weight.products) {
      weight.products->use(products);
    }
  }
}

NormLayer ParameterTable::norm(const std::string& name, double epsilon) const {
  return {weight(name + ".weight"), weight(name + ".bias"), epsilon};
}

}  // namespace lambert
