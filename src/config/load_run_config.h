// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/run_config.h"

namespace lambert {

/// Reads CONFIG and the key=value overrides (dotted paths, phases[0].learning_rate=4e-3) through
/// the same strict reader, then checks the rules between fields. Throws one ConfigError that lists
/// every mistake, each as "file:line:column: path: reason (did you mean 'x'?)".
RunConfig load_run_config(const std::filesystem::path& path,
                          const std::vector<std::string>& overrides);

/// YAML text of every field; loads unchanged.
std::string write_run_config(const RunConfig& config);

/// configs/README.md: every key with default, unit and meaning.
std::string describe_run_config_keys();

}  // namespace lambert
