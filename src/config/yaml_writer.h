// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/field_rule.h"
#include "config/value_text.h"

namespace lambert {

/// Appends one struct as a block map.
class YamlWriter {
 public:
  YamlWriter(std::string& text, std::string indentation)
      : text_(text), indentation_(std::move(indentation)) {}

  template <class Value>
  void field(const char* key, const Value& value, const FieldRule& /*rule*/,
             const char* /*meaning*/) {
    text_ += indentation_ + key + ": " + value_text(value) + "\n";
  }

  template <class Section>
  void section(const char* key, Section& section, bool /*is_required*/, const char* /*meaning*/) {
    text_ += indentation_ + key + ":\n";
    YamlWriter nested(text_, indentation_ + "  ");
    visit_fields(nested, section);
  }

  template <class Section>
  void list(const char* key, std::vector<Section>& sections, const char* /*meaning*/) {
    text_ += indentation_ + key + ":\n";
    for (Section& section : sections) {
      text_ += indentation_ + "  -\n";
      YamlWriter nested(text_, indentation_ + "    ");
      visit_fields(nested, section);
    }
  }

 private:
  std::string& text_;
  std::string indentation_;
};

/// YAML text of every field; loads unchanged.
template <class Config>
std::string write_config(Config config) {  // a copy: the field list hands out references
  std::string text;
  YamlWriter writer(text, "");
  visit_fields(writer, config);
  return text;
}

}  // namespace lambert
