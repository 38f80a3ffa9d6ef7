// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "comm/machines.h"

namespace lambert {

/// MPI from start to end as an object; one per process. Its communicators return errors instead of
/// aborting.
class MpiSession {
 public:
  /// Ends the process with code 6 if the other ranks do not start within the deadline. Throws
  /// CommError when MPI does not offer MPI_THREAD_MULTIPLE.
  explicit MpiSession(double timeout_seconds);
  /// Finalises only after leave_together(); otherwise a peer may be gone and finalising would wait
  /// for it for ever, so MPI stays up for abort_job().
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  int rank() const { return rank_; }
  int size() const { return static_cast<int>(hosts_.size()); }
  int local_size() const { return local_size_; }
  const std::vector<std::string>& hosts() const { return hosts_; }  // by rank
  const Machines& machines() const { return machines_; }
  /// All ranks have said that they are done: the destructor may finalise.
  void leave_together() { may_finalise_ = true; }

 private:
  double timeout_seconds_;
  bool may_finalise_ = false;
  int rank_ = 0;
  int local_size_ = 1;
  std::vector<std::string> hosts_;
  Machines machines_;
};

}  // namespace lambert
