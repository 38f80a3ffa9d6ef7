// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/model_parameter.h"
#include "ops/weight.h"

namespace lambert {

/// Finds the tensors of a layer by Hugging Face's names. Handles share memory with the parameters.
class ParameterTable {
 public:
  explicit ParameterTable(const std::vector<ModelParameter>& parameters);

  Weight weight(const std::string& name) const;
  LinearWeights linear(const std::string& name) const;
  /// How a device multiplies fp32: all products with weight matrices.
  void use(Float32Products products);
  NormLayer norm(const std::string& name, double epsilon) const;

 private:
  std::map<std::string, Weight> weights_;
};

}  // namespace lambert
