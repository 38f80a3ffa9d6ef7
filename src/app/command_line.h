// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lambert {

/// Parses the arguments and runs the command. Usage mistakes print a message and return 2.
int run_command_line(int argument_count, char** arguments);

}  // namespace lambert
