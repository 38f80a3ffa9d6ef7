// SPDX-License-Identifier: Apache-2.0
#include "comm/mpi_wait.h"

#include <string>

#include "base/error.h"
#include "base/log.h"
#include "comm/check_mpi.h"

namespace lambert {
namespace {

// A wait this long (share of the deadline) deserves a line in the log.
constexpr double kSlowShare = 0.25;

bool is_done(MPI_Request& request) {
  int done = 0;
  check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
  return done != 0;
}

}  // namespace

void MpiWait::begin(const CollectiveId& id) {
  id_ = id;
  monitor_.enter(kind_, id);
}

void MpiWait::finish(MPI_Request& request) {
  until([&request] { return is_done(request); });
}

/// Throws CommError when waiting longer makes no sense.
void MpiWait::check_patience(double waited_seconds) {
  monitor_.throw_if_verdict(kind_, id_);
  if (abandoned_.load(std::memory_order_relaxed)) {
    throw CommError("waiting in '" + id_.name + "' #" + std::to_string(id_.sequence) +
                    ": given up because this rank ends on an error of its own");
  }
  if (waited_seconds > timeout_seconds_) {
    monitor_.report_silence(kind_, id_, waited_seconds);
  }
}

void MpiWait::warn_if_slow(double seconds) const {
  if (seconds > kSlowShare * timeout_seconds_) {
    log_warning("slow rank: waited in '" + id_.name + "' #" + std::to_string(id_.sequence) +
                " seconds=" + std::to_string(seconds) +
                " deadline=" + std::to_string(timeout_seconds_));
  }
}

}  // namespace lambert
