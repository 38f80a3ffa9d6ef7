// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <map>
#include <string>
#include <vector>

#include "config/field_rule.h"
#include "config/mistakes.h"
#include "config/scalar_reader.h"
#include "config/yaml_tree.h"

namespace lambert {

/// Where each value was written: path -> origin. Paths of values left at their default are absent.
using Origins = std::map<std::string, std::string>;

/// Reads one YAML map into one struct. visit_fields calls field, section and list once per field;
/// finish() then reports the keys nobody asked for. Mistakes are collected, never thrown.
class YamlReader {
 public:
  YamlReader(const YamlNode& map, std::string path, Mistakes& mistakes, Origins& origins);

  template <class Value>
  void field(const char* key, Value& target, const FieldRule& rule, const char* /*meaning*/) {
    const YamlNode* node = claim(key, rule.is_required);
    if (node != nullptr) {
      const Reason reason = read_value(*node, target, rule);
      if (reason) {
        mistakes_.add(node->origin, path_of(key), *reason);
      }
    }
  }

  /// A nested map with fields of its own.
  template <class Section>
  void section(const char* key, Section& target, bool is_required, const char* /*meaning*/) {
    const YamlNode* node = claim(key, is_required);
    if (node != nullptr) {
      read_section(*node, path_of(key), target);
    }
  }

  /// A list of maps, at least one.
  template <class Section>
  void list(const char* key, std::vector<Section>& target, const char* /*meaning*/) {
    const YamlNode* node = claim(key, true);
    if (node == nullptr || !is_filled_list(*node, key)) {
      return;
    }
    for (std::size_t index = 0; index < node->items.size(); ++index) {
      read_section(node->items[index], path_of(key) + "[" + std::to_string(index) + "]",
                   target.emplace_back());
    }
  }

  void finish();

 private:
  const YamlNode* claim(const char* key, bool is_required);
  std::string path_of(const std::string& key) const {
    return path_.empty() ? key : path_ + "." + key;
  }
  bool is_filled_list(const YamlNode& node, const char* key);

  template <class Section>
  void read_section(const YamlNode& node, const std::string& path, Section& target) {
    if (node.kind != YamlNode::Kind::map) {
      mistakes_.add(node.origin, path, "found " + describe_node(node) + "; expected a map of keys");
      return;
    }
    YamlReader reader(node, path, mistakes_, origins_);
    visit_fields(reader, target);
    reader.finish();
  }

  static Reason check_range(const YamlNode& node, double value, const FieldRule& rule);
  static Reason read_value(const YamlNode& node, bool& target, const FieldRule& rule);
  static Reason read_value(const YamlNode& node, std::string& target, const FieldRule& rule);
  static Reason read_value(const YamlNode& node, std::vector<std::string>& target,
                           const FieldRule& rule);

  static Reason read_value(const YamlNode& node, std::vector<std::uint64_t>& target,
                           const FieldRule& rule);

  template <NamedEnum Enum>
  static Reason read_value(const YamlNode& node, Enum& target, const FieldRule& /*rule*/) {
    return read_scalar(node, target);
  }

  template <class Number>
    requires std::same_as<Number, std::int64_t> || std::same_as<Number, std::uint64_t> ||
             std::same_as<Number, double>
  static Reason read_value(const YamlNode& node, Number& target, const FieldRule& rule) {
    Number value = target;
    Reason reason = read_scalar(node, value);
    if (!reason) {
      reason = check_range(node, static_cast<double>(value), rule);
    }
    if (!reason) {
      target = value;
    }
    return reason;
  }

  const YamlNode& map_;
  std::string path_;
  Mistakes& mistakes_;
  Origins& origins_;
  std::vector<std::string> known_keys_;
};

}  // namespace lambert
