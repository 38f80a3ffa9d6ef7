// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace lambert {

/// " (did you mean 'learning_rate'?)" when one of the names is close to the wrong one, else
/// nothing.
std::string suggest_nearest_name(const std::string& wrong, const std::vector<std::string>& names);

}  // namespace lambert
