// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/mistakes.h"
#include "config/yaml_tree.h"

namespace lambert {

/// Puts one key=value of the command line into the tree, so that it goes through the same reader.
/// Every node it makes has the origin "override 'key=value'". Key: dotted path, list entries as
/// phases[0]. A path that cannot exist in this tree is added to mistakes; wrong YAML in the value
/// throws ConfigError.
void apply_override(YamlNode& root, const std::string& override_text, Mistakes& mistakes);

}  // namespace lambert
