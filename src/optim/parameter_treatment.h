// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "optim/optimizer.h"

namespace lambert {

/// Which tensors are decayed and which get a trust ratio, by name. Throws ConfigError when an
/// exclusion matches nothing: a silent misspelling would decay every bias.
std::vector<ParameterTreatment> choose_treatments(const OptimizerConfig& config,
                                                  const std::vector<NamedParameter>& parameters);

}  // namespace lambert
