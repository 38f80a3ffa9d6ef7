// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.h"

namespace lambert {

/// Logs one line and returns the process's exit code. Under a launcher it ends the whole job with
/// that code; a rank that only lost its peer waits first, so that the rank with the true cause
/// decides.
int report_failure(ExitCode code, const std::string& message);

}  // namespace lambert
