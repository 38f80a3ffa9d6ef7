// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace lambert {

/// "0.1.0".
std::string program_version();

/// Name and version of the program and of every library that takes part in the arithmetic or the
/// communication, for run.json.
std::vector<std::pair<std::string, std::string>> library_versions();

}  // namespace lambert
