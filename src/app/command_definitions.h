// SPDX-License-Identifier: Apache-2.0
// Commands with their options and help texts, in four files; command_line.cpp parses. Only these
// include CLI11: it costs ten seconds a file.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace lambert {

/// Before the example in every description.
inline constexpr const char* kExampleMark = "\nExample: ";

inline std::string describe(const std::string& meaning, const std::string& example) {
  return meaning + kExampleMark + example;
}

/// Each command's callback stores what it returned in exit_code.
void add_text_commands(CLI::App& app, int& exit_code);   // vocab, tokenize, prepare, data
void add_run_commands(CLI::App& app, int& exit_code);    // check, plan, train, verify-resume, eval
void add_squad_commands(CLI::App& app, int& exit_code);  // squad
void add_inspection_commands(CLI::App& app,
                             int& exit_code);  // export, import, checkpoint, inspect, bench, doctor

}  // namespace lambert
