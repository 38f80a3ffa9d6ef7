// SPDX-License-Identifier: Apache-2.0
// Parsing, help and what is said about a mistake; the commands are in *_command_definitions.cpp.
#include "app/command_line.h"

#include "app/command_definitions.h"
#include "app/versions.h"
#include "base/error.h"
#include "config/nearest_name.h"

namespace lambert {
namespace {

/// Help starts with the example; the list of commands leaves the examples out.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_description(const CLI::App* app) const override {
    const std::string text = app->get_description();
    const std::size_t mark = text.find(kExampleMark);
    return mark == std::string::npos
               ? text + "\n\n"
               : text.substr(mark + 1) + "\n\n" + text.substr(0, mark) + "\n\n";
  }

  std::string make_subcommand(const CLI::App* app) const override {
    const std::string text = app->get_description();
    std::stringstream line;
    CLI::detail::format_help(line, app->get_display_name(true), text.substr(0, text.find('\n')),
                             get_column_width());
    return line.str();
  }
};

/// "--a, --b" of a command's options, or the names of its own commands.
std::vector<std::string> names_of(const CLI::App& command, bool options) {
  std::vector<std::string> names;
  if (options) {
    for (const CLI::Option* option : command.get_options()) {
      for (const std::string& name : option->get_lnames()) {
        names.push_back("--" + name);
      }
    }
    return names;
  }
  for (const CLI::App* subcommand : command.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(subcommand->get_name());
  }
  return names;
}

/// The first argument that the command does not know, with the nearest one that it does; "" when
/// there is none.
std::string describe_unknown_argument(const CLI::App& command) {
  const std::vector<std::string> unknown = command.remaining();
  if (unknown.empty()) {
    return "";
  }
  const bool is_option = unknown.front().starts_with("-");
  const std::string name = unknown.front().substr(0, unknown.front().find('='));
  const std::vector<std::string> known = names_of(command, is_option);
  const char* what = "argument";
  if (is_option) {
    what = "option";
  } else if (!known.empty()) {
    what = "command";
  }
  return std::string("unknown ") + what + " '" + name + "'" + suggest_nearest_name(name, known);
}

/// What is wrong with the arguments of the command that was being parsed.
std::string describe_mistake(const CLI::App& command, const CLI::ParseError& error) {
  std::string unknown = describe_unknown_argument(command);
  if (!unknown.empty()) {
    return unknown;
  }
  const std::vector<std::string> subcommands = names_of(command, false);
  if (subcommands.empty()) {
    return error.what();
  }
  std::string list;
  for (const std::string& name : subcommands) {
    list += (list.empty() ? "" : ", ") + name;
  }
  return "no command is given, there are " + list;
}

[[noreturn]] void throw_usage_mistake(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* command = &app;
  std::string name = app.get_name();
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().back();
    name += " " + command->get_name();
  }
  throw ConfigError("reading the command line of " + name + ": " +
                    describe_mistake(*command, error) + "; see " + name + " --help");
}

}  // namespace

int run_command_line(int argument_count, char** arguments) {
  CLI::App app(describe("Lambert pretrains BERT with LAMB",
                        "mpirun -n 2 lambert train configs/bert_mini.yaml"),
               "lambert");
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_version_flag("--version", "lambert " + program_version());
  app.require_subcommand(1);
  int exit_code = 0;
  add_text_commands(app, exit_code);
  add_run_commands(app, exit_code);
  add_squad_commands(app, exit_code);
  add_inspection_commands(app, exit_code);
  try {
    app.parse(argument_count, arguments);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      throw_usage_mistake(app, error);
    }
    return app.exit(error, std::cout, std::cerr);  // --help or --version
  }
  return exit_code;
}

}  // namespace lambert
