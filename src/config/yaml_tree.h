// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lambert {

struct YamlEntry;

/// A parsed YAML value that still knows where each part was written and how (quoted or not). A
/// plain value; no aliases, so a tree is as large as its text.
struct YamlNode {
  enum class Kind { null, scalar, sequence, map };
  Kind kind = Kind::null;
  std::string origin;  // "file:line:column" or "override 'key=value'"
  std::string text;    // scalar
  bool is_quoted = false;
  std::vector<YamlNode> items;     // sequence
  std::vector<YamlEntry> entries;  // map, in the order written, duplicates included
};

struct YamlEntry {
  std::string key;
  std::string origin;
  YamlNode value;
};

constexpr std::size_t kMaxYamlNodes = 10'000;

/// Parses text that has passed check_config_text. source: the file, for origins
/// "source:line:column", or an override in quotes, which is then the origin of every node. Throws
/// ConfigError for wrong syntax, anchors, aliases, tags, merge keys, a second document, and more
/// than the two limits above.
YamlNode parse_yaml_file(const std::string& text, const std::string& source);
YamlNode parse_yaml_override(const std::string& text, const std::string& origin);

}  // namespace lambert
