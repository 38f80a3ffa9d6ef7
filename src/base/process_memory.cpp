// SPDX-License-Identifier: Apache-2.0
#include "base/process_memory.h"

#include <malloc.h>
#include <sys/resource.h>

namespace lambert {

double largest_resident_bytes() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

void keep_freed_memory() {
  constexpr int kLargestHeapBlock = 8 << 20;  // larger ones would leave holes
  ::mallopt(M_MMAP_THRESHOLD, kLargestHeapBlock);
  ::mallopt(M_TRIM_THRESHOLD, -1);  // the heap never shrinks
}

}  // namespace lambert
