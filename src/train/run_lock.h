// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace lambert {

/// The claim on an output directory: an exclusive flock on run.lock, whose content names the
/// holder. The kernel drops the lock when the holder dies, however it dies. Rank 0 alone holds it.
class RunLock {
 public:
  /// Waits up to 30 s when the holder is on this host and its launcher is gone, because then it is
  /// ending; else throws BusyError naming host, process and start at once, without changing
  /// anything. A lock that a dead run left is taken over; previous_holder() then describes it.
  explicit RunLock(const std::filesystem::path& output_dir);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

  /// Who left the lock without releasing it; empty when the last run ended in order.
  const std::string& previous_holder() const { return previous_holder_; }

 private:
  int descriptor_ = -1;
  std::string previous_holder_;
};

}  // namespace lambert
