// SPDX-License-Identifier: Apache-2.0
// safetensors_copy FROM TO: reads every file of one folder and writes its tensors into the other.
#include <iostream>

#include "base/file_system.h"
#include "checkpoint/safetensors.h"

int main(int argument_count, char** arguments) {
  if (argument_count != 3) {
    std::cerr << "usage: safetensors_copy FROM TO\n";
    return 2;
  }
  try {
    const auto disk = lambert::make_posix_file_system();
    for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) {
      std::vector<lambert::NamedTensor> tensors;
      for (const auto& [name, tensor] : lambert::read_safetensors(entry.path())) {
        tensors.push_back({name, tensor});
      }
      lambert::write_safetensors(*disk, arguments[2] / entry.path().filename(), tensors);
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
