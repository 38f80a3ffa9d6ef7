// SPDX-License-Identifier: Apache-2.0
#include "app/commands.h"
#include "base/error.h"

namespace lambert {

int run_eval(const EvalOptions& /*options*/) { throw InternalError("not written yet"); }

}  // namespace lambert
