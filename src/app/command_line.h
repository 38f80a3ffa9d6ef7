// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lambert {

/// Parses the arguments and runs the command. Throws ConfigError for a usage mistake.
int run_command_line(int argument_count, char** arguments);

}  // namespace lambert
