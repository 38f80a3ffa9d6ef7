// SPDX-License-Identifier: Apache-2.0
#include "comm/machines.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>

#include "base/error.h"

namespace lambert {
namespace {

constexpr const char* kVariable = "LAMBERT_MACHINES";

[[noreturn]] void refuse(const std::string& text, int ranks) {
  throw ConfigError("reading the environment variable LAMBERT_MACHINES: found '" + text +
                    "'; expected the machine of each of the " + std::to_string(ranks) +
                    " ranks, like 0,0,1,1; or unset it");
}

}  // namespace

int Machines::count() const {
  return machine_of.empty() ? 0 : *std::max_element(machine_of.begin(), machine_of.end()) + 1;
}

std::vector<int> Machines::ranks_of(int machine) const {
  std::vector<int> found;
  for (int rank = 0; rank < ranks(); ++rank) {
    if (machine_of[static_cast<std::size_t>(rank)] == machine) {
      found.push_back(rank);
    }
  }
  return found;
}

bool Machines::are_alike() const {
  std::vector<int> sizes(static_cast<std::size_t>(count()));
  for (const int machine : machine_of) {
    ++sizes[static_cast<std::size_t>(machine)];
  }
  return std::adjacent_find(sizes.begin(), sizes.end(), std::not_equal_to<>()) == sizes.end();
}

Machines number_machines(const std::vector<int>& labels) {
  std::map<int, int> numbers;
  Machines machines;
  for (const int label : labels) {
    const int next = static_cast<int>(numbers.size());
    machines.machine_of.push_back(numbers.try_emplace(label, next).first->second);
  }
  return machines;
}

Machines pretended_machines(const Machines& found) {
  const char* text = std::getenv(kVariable);
  if (text == nullptr) {
    return found;
  }
  std::vector<int> labels;
  std::istringstream stream(text);
  std::string word;
  while (std::getline(stream, word, ',')) {
    const bool is_number =
        !word.empty() && word.size() < 7 && word.find_first_not_of("0123456789") == word.npos;
    if (!is_number) {
      refuse(text, found.ranks());
    }
    labels.push_back(std::stoi(word));
  }
  if (static_cast<int>(labels.size()) != found.ranks()) {
    refuse(text, found.ranks());
  }
  return number_machines(labels);
}

bool choose_hierarchical(AutoFlag wanted, const Machines& machines) {
  // With one machine, or one rank on each, both ways are the same ring.
  const bool differs = machines.count() > 1 && machines.count() < machines.ranks();
  if (wanted == AutoFlag::off || !differs) {
    return false;
  }
  if (machines.are_alike()) {
    return true;
  }
  if (wanted == AutoFlag::automatic) {
    return false;
  }
  std::string sizes;
  for (int machine = 0; machine < machines.count(); ++machine) {
    sizes += (sizes.empty() ? "" : ", ") + std::to_string(machines.ranks_of(machine).size());
  }
  throw ConfigError(
      "connecting the ranks: communication.hierarchical is true, but the machines have " + sizes +
      " ranks; start the same number of ranks on every machine, or choose auto or false");
}

}  // namespace lambert
