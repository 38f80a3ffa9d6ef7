// SPDX-License-Identifier: Apache-2.0
// The conversion itself is scripts/import_tf.py; this finds it and an interpreter.
#include <cerrno>
#include <filesystem>
#include <vector>

#include <unistd.h>

#include "app/commands.h"
#include "app/launch.h"
#include "base/error.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

/// In scripts/ of a folder above the program, as in a checkout, or beside the program.
fs::path find_script(const char* name) {
  const fs::path program = own_program();
  for (fs::path folder = program.parent_path(); folder.has_relative_path();
       folder = folder.parent_path()) {
    for (const fs::path& script : {folder / name, folder / "scripts" / name}) {
      if (fs::is_regular_file(script)) {
        return script;
      }
    }
  }
  throw ConfigError("importing a TensorFlow checkpoint: there is no " + std::string(name) +
                    " beside " + program.string() +
                    " or in scripts/ above it; copy the scripts folder of the checkout there");
}

/// This process becomes the program: its output and exit code are the command's.
[[noreturn]] void become(std::vector<std::string> command) {
  std::vector<char*> arguments;
  for (std::string& word : command) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  ::execvp(arguments.front(), arguments.data());
  throw ConfigError("importing a TensorFlow checkpoint: starting " + command.front() + ": " +
                    errno_text(errno) + "; give an interpreter with --python");
}

}  // namespace

int run_import_tf(const ImportTfOptions& options) {
  std::vector<std::string> command = {options.python, find_script("import_tf.py").string(),
                                      "--output=" + options.output, "--gelu=" + options.gelu};
  if (options.cased) {
    command.emplace_back("--cased");
  }
  command.insert(command.end(), {"--", options.checkpoint, options.config, options.vocabulary});
  become(std::move(command));
}

}  // namespace lambert
