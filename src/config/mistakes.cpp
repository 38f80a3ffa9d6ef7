// SPDX-License-Identifier: Apache-2.0
#include "config/mistakes.h"

#include "base/error.h"

namespace lambert {

void Mistakes::add(const std::string& origin, const std::string& path, const std::string& reason) {
  lines_.push_back(origin + ": " + (path.empty() ? "" : path + ": ") + reason);
  paths_.insert(path);
}

void Mistakes::throw_if_any(const std::string& file) const {
  if (lines_.empty()) {
    return;
  }
  constexpr const char* kAdvice = "; `lambert config reference` lists every key";
  if (lines_.size() == 1) {
    throw ConfigError("reading the configuration: " + lines_.front() + kAdvice);
  }
  std::string message = "reading the configuration " + file + ": " + std::to_string(lines_.size()) +
                        " mistakes" + kAdvice;
  for (const std::string& line : lines_) {
    message += "\n  " + line;
  }
  throw ConfigError(message);
}

}  // namespace lambert
