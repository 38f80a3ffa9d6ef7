// SPDX-License-Identifier: Apache-2.0
// Work is cut into one fixed part per thread, so results are equal from run to run at a fixed
// thread count.
#pragma once

#include <cstdint>

#include <omp.h>

namespace lambert {

struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// Part `part` of `parts` nearly equal parts of 0 .. count-1.
inline Range part_of(std::int64_t count, int part, int parts) {
  return {count * part / parts, count * (part + 1) / parts};
}

/// Calls work(thread, threads) on every thread; work must not throw.
template <typename Work>
void on_every_thread(const Work& work) {
#pragma omp parallel
  work(omp_get_thread_num(), omp_get_num_threads());
}

inline int thread_count() {
  return omp_get_max_threads();
}

}  // namespace lambert
