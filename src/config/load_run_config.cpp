// SPDX-License-Identifier: Apache-2.0
#include "config/load_run_config.h"

#include "config/config_text.h"
#include "config/overrides.h"
#include "config/run_config_fields.h"
#include "config/run_config_rules.h"
#include "config/yaml_reader.h"

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
  const std::string file = path.string();
  YamlNode root = parse_yaml_file(read_config_text(path), file);
  Mistakes mistakes;
  if (root.kind == YamlNode::Kind::null) {
    mistakes.add(file, "", "is empty; expected keys like output_dir, model and phases");
  } else if (root.kind != YamlNode::Kind::map) {
    mistakes.add(root.origin, "",
                 "found " + describe_node(root) + " at the top; expected a map of keys");
  }
  mistakes.throw_if_any(file);

  for (const std::string& override_text : overrides) {
    apply_override(root, override_text, mistakes);
  }
  RunConfig config;
  Origins origins;
  YamlReader reader(root, "", mistakes, origins);
  visit_fields(reader, config);
  reader.finish();
  name_unnamed_phases(config);
  check_rules_between_fields(config, file, origins, mistakes);
  mistakes.throw_if_any(file);
  return config;
}

}  // namespace lambert
