// SPDX-License-Identifier: Apache-2.0
#include "config/yaml_reader.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "config/value_text.h"

namespace lambert {

YamlReader::YamlReader(const YamlNode& map, std::string path, Mistakes& mistakes, Origins& origins)
    : map_(map), path_(std::move(path)), mistakes_(mistakes), origins_(origins) {}

const YamlNode* YamlReader::claim(const char* key, bool is_required) {
  known_keys_.emplace_back(key);
  for (const YamlEntry& entry : map_.entries) {
    if (entry.key == key) {
      origins_[path_of(key)] = entry.value.origin;
      return &entry.value;
    }
  }
  if (is_required) {
    mistakes_.add(map_.origin, path_of(key), "required key is missing");
  }
  return nullptr;
}

bool YamlReader::is_filled_list(const YamlNode& node, const char* key) {
  if (node.kind == YamlNode::Kind::sequence && !node.items.empty()) {
    return true;
  }
  const std::string found =
      node.kind == YamlNode::Kind::sequence ? "an empty list" : describe_node(node);
  mistakes_.add(node.origin, path_of(key),
                "found " + found + "; expected a list with at least one entry");
  return false;
}

void YamlReader::finish() {
  std::map<std::string, std::string> first_origins;
  for (const YamlEntry& entry : map_.entries) {
    const auto [first, is_new] = first_origins.emplace(entry.key, entry.origin);
    if (!is_new) {
      mistakes_.add(entry.origin, path_of(entry.key),
                    "key given twice, first at " + first->second + "; remove one");
    } else if (std::find(known_keys_.begin(), known_keys_.end(), entry.key) == known_keys_.end()) {
      mistakes_.add(entry.origin, path_of(entry.key),
                    "unknown key" + suggest_nearest_name(entry.key, known_keys_));
    }
  }
}

Reason YamlReader::check_range(const YamlNode& node, double value, const FieldRule& rule) {
  if (std::isinf(value)) {
    return rule.may_be_infinite ? Reason() : "found '.inf'; expected a finite number";
  }
  return find_range_mistake(rule, value, node.text);
}

Reason YamlReader::read_value(const YamlNode& node, bool& target, const FieldRule& /*rule*/) {
  return read_scalar(node, target);
}

Reason YamlReader::read_value(const YamlNode& node, std::string& target, const FieldRule& rule) {
  Reason reason = read_scalar(node, target);
  if (!reason && rule.is_required && target.empty()) {
    reason = "is empty; expected text";
  }
  return reason;
}

namespace {

/// Nothing, or why the list cannot be read. Texts must not be empty.
template <class Value>
Reason read_list(const YamlNode& node, std::vector<Value>& target) {
  if (node.kind != YamlNode::Kind::sequence) {
    const std::string example = value_text(target);
    return "found " + describe_node(node) + "; expected a list, like " + example;
  }
  std::vector<Value> values;
  for (const YamlNode& item : node.items) {
    Value value{};
    const Reason reason = read_scalar(item, value);
    if (reason) {
      return "entry " + std::to_string(values.size() + 1) + ": " + *reason;
    }
    values.push_back(value);
  }
  target = std::move(values);
  return std::nullopt;
}

}  // namespace

Reason YamlReader::read_value(const YamlNode& node, std::vector<std::string>& target,
                              const FieldRule& /*rule*/) {
  std::vector<std::string> values = target;
  Reason reason = read_list(node, values);
  if (reason) {
    return reason;
  }
  const auto empty = std::find(values.begin(), values.end(), "");
  if (empty != values.end()) {
    return "entry " + std::to_string(empty - values.begin() + 1) + ": is empty; expected text";
  }
  target = std::move(values);
  return std::nullopt;
}

Reason YamlReader::read_value(const YamlNode& node, std::vector<std::uint64_t>& target,
                              const FieldRule& /*rule*/) {
  return read_list(node, target);
}

}  // namespace lambert
