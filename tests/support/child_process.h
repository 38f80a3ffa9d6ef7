// SPDX-License-Identifier: Apache-2.0
// Real processes for tests: start, signal, wait with a limit.
#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lambert {

/// One program, started in its own process group, both output streams in one file. The destructor
/// kills it.
class ChildProcess {
 public:
  ChildProcess(const std::vector<std::string>& command, std::filesystem::path log)
      : log_(std::move(log)) {
    std::vector<char*> arguments;
    for (const std::string& argument : command) {
      arguments.push_back(
          const_cast<char*>(argument.c_str()));  // execvp's signature; it does not write
    }
    arguments.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setpgid(0, 0);
      const int file = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
      ::dup2(file, STDOUT_FILENO);
      ::dup2(file, STDERR_FILENO);
      ::execvp(arguments[0], arguments.data());
      ::_exit(127);
    }
  }
  ~ChildProcess() {
    if (!ended_) {
      for (const int child : children()) {
        ::kill(child, SIGKILL);
      }
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  int pid() const { return pid_; }
  void send(int signal_number) const { ::kill(pid_, signal_number); }
  std::string output() const {
    std::ifstream file(log_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  bool ended() {
    int status = 0;
    if (!ended_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
      ended_ = true;
      code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return ended_;
  }
  /// Exit code, 128 + n for signal n. Throws when the limit passes.
  int wait(double limit_seconds) {
    const auto limit =
        std::chrono::steady_clock::now() + std::chrono::duration<double>(limit_seconds);
    while (!ended()) {
      if (std::chrono::steady_clock::now() > limit) {
        throw std::runtime_error("process did not end within " + std::to_string(limit_seconds) +
                                 " s; output:\n" + output());
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return code_;
  }
  /// Direct children, for instance the ranks of an mpirun.
  std::vector<int> children() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_) +
                       "/children");
    return {std::istream_iterator<int>(file), std::istream_iterator<int>()};
  }

 private:
  std::filesystem::path log_;
  int pid_ = -1;
  bool ended_ = false;
  int code_ = -1;
};

/// mpirun -n ranks command; without mpirun for one rank. For machines with fewer cores than ranks.
inline std::vector<std::string> on_ranks(int ranks, const std::vector<std::string>& command) {
  ::setenv("OMPI_MCA_mpi_yield_when_idle", "1", 1);
  if (::geteuid() == 0) {  // containers
    ::setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    ::setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
  }
  if (ranks == 1) {
    return command;
  }
  std::vector<std::string> line = {"mpirun", "--oversubscribe",    "--bind-to", "none",
                                   "-n",     std::to_string(ranks)};
  line.insert(line.end(), command.begin(), command.end());
  return line;
}

}  // namespace lambert
