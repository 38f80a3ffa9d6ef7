// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/squad_config.h"

namespace lambert {

/// As load_run_config(), for `lambert squad train`. Throws one ConfigError that lists every
/// mistake.
SquadConfig load_squad_config(const std::filesystem::path& path,
                              const std::vector<std::string>& overrides);

/// YAML text of every field; loads unchanged.
std::string write_squad_config(const SquadConfig& config);

}  // namespace lambert
