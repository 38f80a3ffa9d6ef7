// SPDX-License-Identifier: Apache-2.0
// Commands with their options and help texts, in four files; command_line.cpp parses. Only these
// include CLI11: it costs ten seconds a file.
#pragma once

#include <map>
#include <string>

#include <CLI/CLI.hpp>

#include "config/enum_names.h"

namespace lambert {

/// Before the example in every description.
inline constexpr const char* kExampleMark = "\nExample: ";

inline std::string describe(const std::string& meaning, const std::string& example) {
  return meaning + kExampleMark + example;
}

/// --device; a name that is none is refused with those that are.
inline void add_device_option(CLI::App& command, DeviceKind& device, const std::string& meaning) {
  std::map<std::string, DeviceKind> kinds;
  for (const auto& [kind, name] : enum_names(DeviceKind{})) {
    kinds[name] = kind;
  }
  command.add_option("--device", device, meaning)
      ->transform(CLI::CheckedTransformer(kinds))
      ->default_str("auto");
}

/// Each command's callback stores what it returned in exit_code.
void add_text_commands(CLI::App& app, int& exit_code);   // vocab, tokenize, prepare, data
void add_run_commands(CLI::App& app, int& exit_code);    // check, plan, train, verify-resume, eval
void add_squad_commands(CLI::App& app, int& exit_code);  // squad
void add_inspection_commands(CLI::App& app,
                             int& exit_code);  // export, import, checkpoint, inspect, bench, doctor

}  // namespace lambert
