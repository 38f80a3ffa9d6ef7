// SPDX-License-Identifier: Apache-2.0
#include "app/failure_report.h"

#include <chrono>
#include <thread>

#include "base/log.h"
#include "comm/make_communicator.h"

namespace lambert {

namespace {

/// Every rank reads the same config and finds the same mistake before the ranks are connected: the
/// first rank says it and ends the job while the others wait. A rank that alone has a mistake
/// speaks after the wait.
void let_first_rank_speak() {
  constexpr std::chrono::seconds kWait(3);
  if (launch_rank() > 0) {
    std::this_thread::sleep_for(kWait);
  }
}

}  // namespace

int report_failure(ExitCode code, const std::string& message) {
  if (code == ExitCode::config || code == ExitCode::data || code == ExitCode::device) {
    let_first_rank_speak();
  }
  log_error(message);
  const int exit_code = static_cast<int>(code);
  if (started_by_launcher()) {
    if (code == ExitCode::communication) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    }
    abort_job(exit_code);
  }
  return exit_code;
}

}  // namespace lambert
