// SPDX-License-Identifier: Apache-2.0
#include "app/commands.h"
#include "base/error.h"

namespace lambert {

int run_check(const CheckOptions& /*options*/) { throw InternalError("not written yet"); }

int run_config_reference() { throw InternalError("not written yet"); }

}  // namespace lambert
