// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lambert {

/// The path of this program, for starting it again.
std::string own_program();

/// The command under a launcher: words of `launcher` with {ranks} replaced, then the command.
std::vector<std::string> launched_command(const std::string& launcher, std::int64_t ranks,
                                          const std::vector<std::string>& command);

/// Runs the command to its end, both output streams into the log, and returns its exit code (128 +
/// n for signal n). Throws ConfigError when it cannot be started, StorageError for the log.
int run_program(const std::vector<std::string>& command, const std::filesystem::path& log);

}  // namespace lambert
