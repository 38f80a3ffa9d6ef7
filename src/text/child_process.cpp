// SPDX-License-Identifier: Apache-2.0
#include "text/child_process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/stop_signal.h"

namespace lambert {
namespace {

// The first byte that the child sends says what follows.
constexpr char kResult = 'r';
constexpr char kDataFault = 'd';
constexpr char kOtherFault = 'o';

void write_all(int descriptor, const std::string& bytes) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count = ::write(descriptor, bytes.data() + written, bytes.size() - written);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return;  // the parent is gone
    }
    written += static_cast<std::size_t>(count);
  }
}

std::string read_all(int descriptor) {
  std::string bytes;
  std::array<char, 1 << 16> buffer{};
  while (true) {
    const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return bytes;
    }
    bytes.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

[[noreturn]] void run_child(const std::function<std::string()>& work, int descriptor) {
  // A crash here is an answer, not an accident: no core file, no handlers of the parent.
  for (const int number : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE}) {
    ::signal(number, SIG_DFL);
  }
  restore_default_signals();
  std::string message;
  try {
    message = kResult + work();
  } catch (const DataError& error) {
    message = kDataFault + std::string(error.what());
  } catch (const std::exception& error) {
    message = kOtherFault + std::string(error.what());
  }
  write_all(descriptor, message);
  ::_exit(0);
}

std::string describe_end(int status) {
  if (WIFSIGNALED(status)) {
    return "the library ended by signal " + std::to_string(WTERMSIG(status));
  }
  return "the library ended the process with code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

std::string run_in_child_process(const std::function<std::string()>& work,
                                 const std::string& activity) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) {
    throw DataError(activity + ": no pipe to a child process (" + errno_text(errno) +
                    "); raise the limits");
  }
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) {
    ::close(ends[0]);
    ::close(ends[1]);
    throw DataError(activity + ": no child process (" + errno_text(errno) + "); raise the limits");
  }
  if (child == 0) {
    ::close(ends[0]);
    run_child(work, ends[1]);
  }
  ::close(ends[1]);
  const std::string message = read_all(ends[0]);
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || message.empty()) {
    throw DataError(activity + ": " + describe_end(status) +
                    "; the input is damaged or too large for it");
  }
  if (message.front() == kDataFault) {
    throw DataError(message.substr(1));
  }
  if (message.front() == kOtherFault) {
    throw DataError(activity + ": " + message.substr(1));
  }
  return message.substr(1);
}

}  // namespace lambert
