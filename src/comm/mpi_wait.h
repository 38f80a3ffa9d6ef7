// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include <mpi.h>

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

 private:
  void warn_if_slow(double seconds) const;

  PeerMonitor& monitor_;
  CollectiveKind kind_;
  double timeout_seconds_;
  const std::atomic<bool>& abandoned_;
  CollectiveId id_;
};

}  // namespace lambert
