// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <system_error>

namespace lambert {

void throw_internal_error(const char* condition, const char* file, int line,
                          const std::string& message) {
  throw InternalError("internal check failed: " + message + " (" + condition + ", " + file + ":" +
                      std::to_string(line) + "); please report this");
}

std::string errno_text(int error_number) {
  return std::generic_category().message(error_number);
}

}  // namespace lambert
