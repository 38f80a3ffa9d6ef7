// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu_level.h"

namespace lambert {

std::string cpu_level() {
  return LAMBERT_CPU_LEVEL;
}

}  // namespace lambert
