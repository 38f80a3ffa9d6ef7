// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include <mpi.h>

#include "base/clock.h"
#include "comm/link.h"
#include "comm/peer_monitor.h"

namespace lambert {

/// Waits for MPI requests with a deadline, without keeping a core from whoever computes on it. One
/// per thread.
class MpiWait {
 public:
  /// abandoned: set when the owner gives up; waits then end with CommError.
  MpiWait(PeerMonitor& monitor, CollectiveKind kind, double timeout_seconds,
          const std::atomic<bool>& abandoned)
      : monitor_(monitor), kind_(kind), timeout_seconds_(timeout_seconds), abandoned_(abandoned) {}

  /// This rank has come to a collective: the following waits belong to it.
  void begin(const CollectiveId& id);
  /// Blocks until the request is done. Throws CommError; the request is then still open.
  void finish(MPI_Request& request);
  /// Blocks until done() is true; done must be cheap. Throws CommError.
  template <class Done>
  void until(const Done& done) {
    for (int look = 0; look < kEagerLooks; ++look) {
      if (done()) {
        return;
      }
      std::this_thread::yield();
    }
    const Stopwatch waited;
    while (!done()) {
      check_patience(waited.seconds());
      std::this_thread::sleep_for(kSleep);
    }
    warn_if_slow(waited.seconds());
  }

 private:
  // A neighbour that is at work answers within microseconds, so looking again at once is cheapest;
  // each look gives the core away. After these many looks it is busy with something else, and
  // sleeping leaves it the core.
  static constexpr int kEagerLooks = 200;
  static constexpr auto kSleep = std::chrono::microseconds(50);

  void check_patience(double waited_seconds);
  void warn_if_slow(double seconds) const;

  PeerMonitor& monitor_;
  CollectiveKind kind_;
  double timeout_seconds_;
  const std::atomic<bool>& abandoned_;
  CollectiveId id_;
};

}  // namespace lambert
