// SPDX-License-Identifier: Apache-2.0
#include "base/process_memory.h"

#include <sys/resource.h>

namespace lambert {

double largest_resident_bytes() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

}  // namespace lambert
