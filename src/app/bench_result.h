// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace lambert {

/// Named figures of one benchmark, printed as lines or as one JSON object.
struct BenchResult {
  std::vector<std::pair<std::string, std::string>> settings;
  std::vector<std::pair<std::string, double>> figures;
};

/// Seconds of one call: median, smallest and largest.
struct CallTimes {
  double median = 0.0;
  double smallest = 0.0;
  double largest = 0.0;
  std::size_t calls = 0;
};

/// Calls work until `seconds` are over, at least three times, after one call to warm up.
inline CallTimes time_calls(double seconds, const std::function<void()>& work) {
  work();
  std::vector<double> times;
  const Stopwatch total;
  while (total.seconds() < seconds || times.size() < 3) {
    const Stopwatch once;
    work();
    times.push_back(once.seconds());
  }
  std::sort(times.begin(), times.end());
  return {times[times.size() / 2], times.front(), times.back(), times.size()};
}

}  // namespace lambert
