// SPDX-License-Identifier: Apache-2.0
#include "config/mistakes.h"

#include <algorithm>
#include <cstddef>

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
  constexpr std::size_t kMostListed = 50;
  for (std::size_t index = 0; index < std::min(lines_.size(), kMostListed); ++index) {
    message += "\n  " + lines_[index];
  }
  if (lines_.size() > kMostListed) {
    message += "\n  and " + std::to_string(lines_.size() - kMostListed) + " more";
  }
  throw ConfigError(message);
}

}  // namespace lambert
