// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "config/load_run_config.h"
#include "config/run_config_fields.h"
#include "config/squad_config_fields.h"
#include "config/value_text.h"

namespace lambert {
namespace {

constexpr const char* kIntroduction = R"(<!-- SPDX-License-Identifier: Apache-2.0 -->
# Configuration keys

Written by `lambert config reference`; do not edit.

A configuration is one YAML document. Every key is listed here; an unknown key, a key given twice, or a value of
another type ends the command with exit code 2 and a message that names file, line and column. Numbers are written
in digits (`1000`; fractions also as `6.0e-3`), switches as `true` or `false`. Anchors, aliases, merge keys and tags
are not accepted. On the command line, `key=value` replaces a value: `phases[0].learning_rate=4e-3`.
`lambert check CONFIG` shows what a configuration amounts to.
)";

std::string value_kind(std::int64_t /*tag*/) {
  return "whole number";
}
std::string value_kind(std::uint64_t /*tag*/) {
  return "whole number from 0";
}
std::string value_kind(double /*tag*/) {
  return "number";
}
std::string value_kind(bool /*tag*/) {
  return "`true` or `false`";
}
std::string value_kind(const std::string& /*tag*/) {
  return "text";
}
std::string value_kind(const std::vector<std::string>& /*tag*/) {
  return "list of texts";
}
std::string value_kind(const std::vector<std::uint64_t>& /*tag*/) {
  return "list of whole numbers from 0";
}
template <NamedEnum Enum>
std::string value_kind(Enum /*tag*/) {
  std::string names;
  for (const auto& [value, name] : enum_names(Enum{})) {
    names += (names.empty() ? "`" : ", `") + std::string(name) + "`";
  }
  return names;
}

/// Collects one table per struct; the tables of nested structs follow their parent's.
class KeyTableWriter {
 public:
  template <class Section>
  static std::string write(const std::string& title, const std::string& meaning,
                           const std::string& prefix) {
    KeyTableWriter writer(prefix);
    Section defaults{};
    visit_fields(writer, defaults);
    return "\n## " + title + "\n\n" + meaning +
           "\n\n| Key | Default | Values | Meaning |\n|---|---|---|---|\n" + writer.rows_ +
           writer.nested_tables_;
  }

  template <class Value>
  void field(const char* key, const Value& value, const FieldRule& rule, const char* meaning) {
    const std::string range = range_text(rule);
    const std::string values = value_kind(value) + (range.empty() ? "" : ", " + range);
    add_row(key, rule.is_required ? "required" : "`" + value_text(value) + "`", values, meaning);
  }

  template <class Section>
  void section(const char* key, Section& /*section*/, bool is_required, const char* meaning) {
    add_row(key, is_required ? "required" : "see below", "map", meaning);
    nested_tables_ += write<Section>("`" + prefix_ + key + "`", meaning, prefix_ + key + ".");
  }

  template <class Section>
  void list(const char* key, std::vector<Section>& /*sections*/, const char* meaning) {
    add_row(key, "required", "list of maps", meaning);
    nested_tables_ += write<Section>("`" + prefix_ + key + "`", meaning, prefix_ + key + "[i].");
  }

 private:
  explicit KeyTableWriter(std::string prefix) : prefix_(std::move(prefix)) {}

  void add_row(const std::string& key, const std::string& initial, const std::string& values,
               const std::string& meaning) {
    rows_ += "| `" + prefix_ + key + "` | " + initial + " | " + values + " | " + meaning + " |\n";
  }

  std::string prefix_;
  std::string rows_;
  std::string nested_tables_;
};

}  // namespace

std::string describe_run_config_keys() {
  return kIntroduction + KeyTableWriter::write<RunConfig>("Top level", "What a run is.", "") +
         "\n# Fine-tuning on SQuAD (`lambert squad train`)\n" +
         KeyTableWriter::write<SquadConfig>("Top level of a SQuAD configuration",
                                            "What a fine-tuning is.", "");
}

}  // namespace lambert
