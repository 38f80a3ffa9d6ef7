// SPDX-License-Identifier: Apache-2.0
#include "comm/exit_timer.h"

#include <chrono>
#include <utility>

#include <unistd.h>

#include "base/log.h"

namespace lambert {

ExitTimer::ExitTimer(double seconds, int exit_code, std::string what) {
  thread_ = std::thread([this, seconds, exit_code, what = std::move(what)] {
    std::unique_lock lock(mutex_);
    const auto limit = std::chrono::duration<double>(seconds);
    if (!cancelled_condition_.wait_for(lock, limit, [this] { return cancelled_; })) {
      log_error(what + ": did not come back within " + std::to_string(seconds) +
                " s; ending this process with code " + std::to_string(exit_code));
      _exit(exit_code);
    }
  });
}

ExitTimer::~ExitTimer() {
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
  }
  cancelled_condition_.notify_one();
  thread_.join();
}

}  // namespace lambert
