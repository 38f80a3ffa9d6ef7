// SPDX-License-Identifier: Apache-2.0
#include "app/system_file.h"

#include <fstream>
#include <sstream>

namespace lambert {

std::string first_line_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace lambert
