// SPDX-License-Identifier: Apache-2.0
// Jobs under mpirun that end in one way or another, and what is left of them.
#pragma once

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <sys/types.h>
#include <sys/wait.h>

#include "base/clock.h"

namespace lambert::testing {

// Far above a step's time on a busy machine, far below the test's limit.
inline constexpr double kTimeoutSeconds = 5.0;
// The promise: a frozen rank ends the job within the deadline plus this.
inline constexpr double kGraceSeconds = 10.0;
// Starting MPI on a busy machine.
inline constexpr double kStartSeconds = 10.0;

struct JobEnd {
  int exit_code = -1;
  double seconds = 0.0;
  std::string output;
  std::vector<pid_t> processes;
};

/// Runs a program that prints "pid N" on every rank. environment: "NAME=value NAME=value" or empty.
inline JobEnd run_mpi_job(int ranks, const std::string& program_and_arguments,
                          const std::string& environment = "") {
  setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
  setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
  const std::string command = "env " + environment +
                              " timeout -s KILL 60 " LAMBERT_MPIEXEC " --oversubscribe -n " +
                              std::to_string(ranks) + " " + program_and_arguments + " 2>&1";
  const Stopwatch stopwatch;
  JobEnd end;
  FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> buffer = {};
  while (fgets(buffer.data(), buffer.size(), pipe) != nullptr) {
    end.output += buffer.data();
  }
  const int status = pclose(pipe);
  end.seconds = stopwatch.seconds();
  end.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  std::istringstream lines(end.output);
  std::string word;
  while (lines >> word) {
    if (word == "pid") {
      pid_t process = 0;
      lines >> process;
      end.processes.push_back(process);
    }
  }
  return end;
}

/// The launcher returns before the last rank is gone; ten seconds are promised.
inline bool all_gone(const JobEnd& end) {
  const Stopwatch stopwatch;
  while (stopwatch.seconds() < kGraceSeconds) {
    bool alive = false;
    for (const pid_t process : end.processes) {
      alive = alive || kill(process, 0) == 0;
    }
    if (!alive) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

inline int count_of(const std::string& text, const std::string& part) {
  int count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace lambert::testing
