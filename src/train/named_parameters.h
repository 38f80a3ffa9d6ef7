// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "gradients/gradient_buckets.h"
#include "model/model_parameter.h"

namespace lambert {

/// A model's parameters as buckets and optimizers take them; the tensors are shared.
std::vector<NamedParameter> named_parameters(const std::vector<ModelParameter>& model_parameters);

}  // namespace lambert
