// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/config_text.h"
#include "config/overrides.h"
#include "config/yaml_reader.h"

namespace lambert {

/// Reads a file and key=value overrides into a struct with a field list, then calls
/// check_rules(config, file, origins, mistakes). Throws one ConfigError that lists every mistake.
template <class Config, class Rules>
Config read_config(const std::filesystem::path& path, const std::vector<std::string>& overrides,
                   const char* expected_keys, const Rules& check_rules) {
  const std::string file = path.string();
  YamlNode root = parse_yaml_file(read_config_text(path), file);
  Mistakes mistakes;
  if (root.kind == YamlNode::Kind::null) {
    mistakes.add(file, "", std::string("is empty; expected keys like ") + expected_keys);
  } else if (root.kind != YamlNode::Kind::map) {
    mistakes.add(root.origin, "",
                 "found " + describe_node(root) + " at the top; expected a map of keys");
  }
  mistakes.throw_if_any(file);

  for (const std::string& override_text : overrides) {
    apply_override(root, override_text, mistakes);
  }
  Config config;
  Origins origins;
  YamlReader reader(root, "", mistakes, origins);
  visit_fields(reader, config);
  reader.finish();
  check_rules(config, file, origins, mistakes);
  mistakes.throw_if_any(file);
  return config;
}

}  // namespace lambert
