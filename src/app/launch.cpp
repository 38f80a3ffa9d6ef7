// SPDX-License-Identifier: Apache-2.0
#include "app/launch.h"

#include <cerrno>
#include <csignal>
#include <sstream>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

namespace lambert {
namespace {

constexpr int kNotStarted = 127;  // the shell's code for it

}  // namespace

std::string own_program() {
  return std::filesystem::read_symlink("/proc/self/exe").string();
}

std::vector<std::string> launched_command(const std::string& launcher, std::int64_t ranks,
                                          const std::vector<std::string>& command) {
  const std::string mark = "{ranks}";
  std::vector<std::string> words;
  std::istringstream stream(launcher);
  for (std::string word; stream >> word;) {
    for (std::size_t at = word.find(mark); at != std::string::npos; at = word.find(mark)) {
      word.replace(at, mark.size(), std::to_string(ranks));
    }
    words.push_back(word);
  }
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

int run_program(const std::vector<std::string>& command, const std::filesystem::path& log) {
  const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) {
    throw StorageError("starting " + command.front() + ": its log " + log.string() +
                       " cannot be written (" + errno_text(errno) + "); choose another --output");
  }
  std::vector<std::string> words = command;
  std::vector<char*> arguments;
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // when this process is killed, the run ends too
    if (::getppid() != parent) {
      ::_exit(kNotStarted);
    }
    ::dup2(file, STDOUT_FILENO);
    ::dup2(file, STDERR_FILENO);
    ::execvp(arguments.front(), arguments.data());
    ::_exit(kNotStarted);
  }
  const int failure = errno;
  ::close(file);
  int status = 0;
  while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (child < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == kNotStarted)) {
    throw ConfigError("starting " + command.front() + ": " +
                      (child < 0 ? errno_text(failure) : "there is no such program") +
                      "; give a launcher that is installed, like --launcher 'mpirun -n {ranks}'");
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace lambert
