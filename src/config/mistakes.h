// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

namespace lambert {

/// Everything wrong with one configuration, in the order found, so that it can be reported at once.
class Mistakes {
 public:
  /// origin: "file:line:column" or "override 'key=value'"; path: "phases[0].learning_rate", empty
  /// at the top.
  void add(const std::string& origin, const std::string& path, const std::string& reason);
  /// True when the value at this path is already reported, so a rule about it would only repeat
  /// that.
  bool concerns(const std::string& path) const { return paths_.count(path) > 0; }
  bool empty() const { return lines_.empty(); }
  /// Throws one ConfigError that lists every mistake; nothing to report, nothing thrown.
  void throw_if_any(const std::string& file) const;

 private:
  std::vector<std::string> lines_;
  std::set<std::string> paths_;
};

}  // namespace lambert
