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

/// Of any values, for instance seconds of calls; at least one.
inline CallTimes summarize(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values[values.size() / 2], values.front(), values.back(), values.size()};
}

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
  return summarize(std::move(times));
}

}  // namespace lambert
