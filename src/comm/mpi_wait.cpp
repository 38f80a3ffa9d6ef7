// SPDX-License-Identifier: Apache-2.0
#include "comm/mpi_wait.h"

#include <chrono>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "comm/check_mpi.h"

namespace lambert {
namespace {

// A neighbour that is at work answers within microseconds, so looking again at once is cheapest;
// each look gives the core away. After these many looks it is busy with something else, and
// sleeping leaves it the core.
constexpr int kEagerLooks = 200;
constexpr auto kSleep = std::chrono::microseconds(50);
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
  for (int look = 0; look < kEagerLooks; ++look) {
    if (is_done(request)) {
      return;
    }
    std::this_thread::yield();
  }
  const Stopwatch waited;
  while (!is_done(request)) {
    monitor_.throw_if_verdict(kind_, id_);
    if (abandoned_.load(std::memory_order_relaxed)) {
      throw CommError("waiting in '" + id_.name + "' #" + std::to_string(id_.sequence) +
                      ": given up because this rank ends");
    }
    if (waited.seconds() > timeout_seconds_) {
      monitor_.report_silence(kind_, id_, waited.seconds());
    }
    std::this_thread::sleep_for(kSleep);
  }
  warn_if_slow(waited.seconds());
}

void MpiWait::warn_if_slow(double seconds) const {
  if (seconds > kSlowShare * timeout_seconds_) {
    log_warning("slow rank: waited in '" + id_.name + "' #" + std::to_string(id_.sequence) +
                " seconds=" + std::to_string(seconds) +
                " deadline=" + std::to_string(timeout_seconds_));
  }
}

}  // namespace lambert
