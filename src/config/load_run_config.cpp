// SPDX-License-Identifier: Apache-2.0
#include "config/load_run_config.h"

#include "config/read_config.h"
#include "config/run_config_fields.h"
#include "config/run_config_rules.h"

namespace lambert {
namespace {

void name_unnamed_phases(RunConfig& config) {
  for (std::size_t index = 0; index < config.phases.size(); ++index) {
    if (config.phases[index].name.empty()) {
      config.phases[index].name = "phase-" + std::to_string(index + 1);
    }
  }
}

}  // namespace

RunConfig load_run_config(const std::filesystem::path& path,
                          const std::vector<std::string>& overrides) {
  return read_config<RunConfig>(
      path, overrides, "output_dir, model and phases",
      [](RunConfig& config, const std::string& file, const Origins& origins, Mistakes& mistakes) {
        name_unnamed_phases(config);
        check_rules_between_fields(config, file, origins, mistakes);
      });
}

}  // namespace lambert
