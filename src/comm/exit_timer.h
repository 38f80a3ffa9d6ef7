// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace lambert {

/// Ends the process if a call that has no deadline of its own (starting, finishing, aborting MPI)
/// does not come back: the timer runs from construction to destruction. A plain thread and _exit,
/// because nothing else can be trusted then.
class ExitTimer {
 public:
  /// what: what is being done, for the log line.
  ExitTimer(double seconds, int exit_code, std::string what);
  ~ExitTimer();
  ExitTimer(const ExitTimer&) = delete;
  ExitTimer& operator=(const ExitTimer&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable cancelled_condition_;
  bool cancelled_ = false;
  std::thread thread_;
};

}  // namespace lambert
