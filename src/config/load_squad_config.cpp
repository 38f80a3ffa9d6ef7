// SPDX-License-Identifier: Apache-2.0
#include "config/load_squad_config.h"

#include <set>

#include "config/read_config.h"
#include "config/squad_config_fields.h"

namespace lambert {
namespace {

void check_rules(const SquadConfig& config, const std::string& file, const Origins& origins,
                 Mistakes& mistakes) {
  const auto add = [&](const char* key, const std::string& reason) {
    const auto origin = origins.find(key);
    mistakes.add(origin == origins.end() ? file : origin->second, key, reason);
  };
  if (config.output_dir.empty()) {
    add("output_dir", "is empty; expected a folder");
  }
  if (config.seeds.empty()) {
    add("seeds", "is empty; expected at least one");
  }
  if (std::set(config.seeds.begin(), config.seeds.end()).size() != config.seeds.size()) {
    add("seeds", "holds a number twice; every seed is a run of its own");
  }
  if (config.max_query_length > config.max_seq_length - 8) {
    add("max_query_length", "leaves less than 5 tokens of " +
                                std::to_string(config.max_seq_length) +
                                " (max_seq_length) for the paragraph; make it smaller");
  }
}

}  // namespace

SquadConfig load_squad_config(const std::filesystem::path& path,
                              const std::vector<std::string>& overrides) {
  return read_config<SquadConfig>(path, overrides, "output_dir, init_from and train", check_rules);
}

}  // namespace lambert
