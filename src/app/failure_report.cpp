// SPDX-License-Identifier: Apache-2.0
#include "app/failure_report.h"

#include <chrono>
#include <thread>

#include "base/log.h"
#include "comm/make_communicator.h"

namespace lambert {

int report_failure(ExitCode code, const std::string& message) {
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
