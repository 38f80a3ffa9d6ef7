// SPDX-License-Identifier: Apache-2.0
#include "config/overrides.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config_text.h"
#include "config/scalar_reader.h"

namespace lambert {
namespace {

/// One part of a dotted path: phases[0] has the key phases and one index.
struct PathStep {
  std::string key;
  std::optional<std::size_t> index;
};

std::optional<PathStep> parse_step(std::string_view text) {
  PathStep step;
  const std::size_t bracket = text.find('[');
  step.key = text.substr(0, bracket);
  if (step.key.empty()) {
    return std::nullopt;
  }
  if (bracket == std::string_view::npos) {
    return step;
  }
  const std::string_view digits = text.substr(bracket + 1);
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (error != std::errc() || end + 1 != digits.data() + digits.size() || *end != ']') {
    return std::nullopt;
  }
  step.index = index;
  return step;
}

std::optional<std::vector<PathStep>> parse_path(std::string_view path) {
  std::vector<PathStep> steps;
  while (steps.size() < kMaxConfigDepth) {
    const std::size_t dot = path.find('.');
    const std::optional<PathStep> step = parse_step(path.substr(0, dot));
    if (!step) {
      return std::nullopt;
    }
    steps.push_back(*step);
    if (dot == std::string_view::npos) {
      return steps;
    }
    path.remove_prefix(dot + 1);
  }
  return std::nullopt;
}

/// The value of a key of this map, added when it is not there.
YamlNode& find_or_add(YamlNode& map, const std::string& key, const std::string& origin) {
  if (map.kind == YamlNode::Kind::null) {
    map.kind = YamlNode::Kind::map;
  }
  const auto found = std::find_if(map.entries.begin(), map.entries.end(),
                                  [&](const YamlEntry& entry) { return entry.key == key; });
  if (found != map.entries.end()) {
    return found->value;
  }
  YamlEntry& entry = map.entries.emplace_back(YamlEntry{key, origin, {}});
  entry.value.origin = origin;
  return entry.value;
}

/// The node that the path names; nothing, and a mistake, when the tree has no place for it.
YamlNode* find_target(YamlNode& root, const std::vector<PathStep>& steps, const std::string& origin,
                      Mistakes& mistakes) {
  YamlNode* node = &root;
  std::string path;
  for (const PathStep& step : steps) {
    if (node->kind != YamlNode::Kind::map && node->kind != YamlNode::Kind::null) {
      const bool is_list = node->kind == YamlNode::Kind::sequence;
      mistakes.add(origin, path,
                   is_list ? "is a list; name the entry, like " + path + "[0]" : "has no keys");
      return nullptr;
    }
    node = &find_or_add(*node, step.key, origin);
    path += (path.empty() ? "" : ".") + step.key;
    if (!step.index) {
      continue;
    }
    if (node->kind != YamlNode::Kind::sequence || *step.index >= node->items.size()) {
      mistakes.add(
          origin, path + "[" + std::to_string(*step.index) + "]",
          "there is no such entry; the configuration has " + std::to_string(node->items.size()));
      return nullptr;
    }
    node = &node->items[*step.index];
    path += "[" + std::to_string(*step.index) + "]";
  }
  return node;
}

}  // namespace

void apply_override(YamlNode& root, const std::string& override_text, Mistakes& mistakes) {
  constexpr std::size_t kLongestShown = 100;  // every node carries the origin
  const bool is_long = override_text.size() > kLongestShown;
  const std::string origin =
      "override '" + override_text.substr(0, kLongestShown) + (is_long ? "..." : "") + "'";
  const std::size_t equals = override_text.find('=');
  const auto steps = parse_path(std::string_view(override_text).substr(0, equals));
  if (equals == std::string::npos || !steps) {
    mistakes.add(origin, "", "expected key=value, like phases[0].learning_rate=4e-3");
    return;
  }
  const std::string value_text = override_text.substr(equals + 1);
  check_config_text(value_text, origin);
  YamlNode value = parse_yaml_override(value_text, origin);
  YamlNode* target = find_target(root, *steps, origin, mistakes);
  if (target != nullptr) {
    value.origin = origin;
    *target = std::move(value);
  }
}

}  // namespace lambert
