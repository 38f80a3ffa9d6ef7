// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over its corpus without libFuzzer, in every build. A file whose name begins
// with accept- or refuse- stands for a rule; all others were found by fuzzing.
// Usage: replay_TARGET CORPUS
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "fuzz/fuzz_target.h"

int main(int count, char** arguments) {
  if (count != 2) {
    return 2;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  constexpr std::uint64_t kLargestInput = 1 << 20;
  int rules = 0;
  int wrong = 0;
  for (const std::filesystem::path& file : files) {
    const std::string name = file.filename().string();
    std::cout << name << std::endl;  // the last one shown is the one that broke a property
    const bool accepted = lambert::accepts(lambert::read_file(file, kLargestInput));
    const bool is_rule = name.starts_with("accept-") || name.starts_with("refuse-");
    rules += is_rule ? 1 : 0;
    if (is_rule && accepted != name.starts_with("accept-")) {
      std::cerr << name << " was " << (accepted ? "accepted" : "refused") << "\n";
      ++wrong;
    }
  }
  std::cout << files.size() << " inputs, " << rules << " of them rules, " << wrong << " wrong\n";
  return rules > 0 && wrong == 0 ? 0 : 1;
}
