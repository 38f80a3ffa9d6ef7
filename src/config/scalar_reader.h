// SPDX-License-Identifier: Apache-2.0
// One YAML scalar to one typed value, without guessing. Each function sets target and returns
// nothing, or leaves it and returns what was expected and what was found.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/enum_names.h"
#include "config/nearest_name.h"
#include "config/yaml_tree.h"

namespace lambert {

using Reason = std::optional<std::string>;

/// "'abc'", "the quoted text '1'", "a list", "a map", "nothing".
std::string describe_node(const YamlNode& node);

Reason read_scalar(const YamlNode& node, std::int64_t& target);
Reason read_scalar(const YamlNode& node, std::uint64_t& target);
Reason read_scalar(const YamlNode& node, double& target);  // finite, or .inf
Reason read_scalar(const YamlNode& node, bool& target);
Reason read_scalar(const YamlNode& node, std::string& target);

template <NamedEnum Enum>
Reason read_scalar(const YamlNode& node, Enum& target) {
  if (node.kind == YamlNode::Kind::scalar) {
    if (const std::optional<Enum> value = find_enum_value<Enum>(node.text)) {
      target = *value;
      return std::nullopt;
    }
  }
  std::vector<std::string> names;
  for (const auto& [value, name] : enum_names(Enum{})) {
    names.emplace_back(name);
  }
  return "found " + describe_node(node) + "; expected one of " + list_enum_names<Enum>() +
         (node.kind == YamlNode::Kind::scalar ? suggest_nearest_name(node.text, names) : "");
}

}  // namespace lambert
