// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <mpi.h>

#include "comm/communicator.h"
#include "comm/mpi_ring.h"
#include "comm/mpi_session.h"
#include "comm/mpi_wait.h"
#include "comm/peer_monitor.h"
#include "comm/reduction_queue.h"
#include "config/run_config.h"

namespace lambert {

/// Ranks as processes under mpirun or srun. Three threads: the caller's, the one that runs started
/// reductions, and the monitor that answers for this rank; each has an MPI communicator of its own,
/// so their messages never mix.
class MpiCommunicator final : public Communicator {
 public:
  explicit MpiCommunicator(const CommConfig& config);
  /// Waits for all ranks, then finalises MPI. When an exception is on its way or a rank has failed
  /// it waits for nobody. If a rank stays away here, it ends the job with code 6.
  ~MpiCommunicator() override;
  MpiCommunicator(const MpiCommunicator&) = delete;
  MpiCommunicator& operator=(const MpiCommunicator&) = delete;

  int rank() const override { return session_.rank(); }
  int size() const override { return session_.size(); }
  int local_size() const override { return session_.local_size(); }
  std::string host_of(int rank) const override;

  void barrier() override;
  void broadcast(std::span<std::byte> bytes, int root) override;
  void all_reduce_sum(std::span<double> values) override;
  void all_reduce_max(std::span<double> values) override;
  std::vector<std::vector<std::byte>> all_gather(std::span<const std::byte> bytes) override;
  std::unique_ptr<PendingCollective> start(RingWork work) override;

  /// For whoever adds another channel between the same ranks.
  PeerMonitor& monitor() { return monitor_; }
  /// state: of that channel; the ranks compare it whenever they meet in a collective of the main
  /// thread.
  void compare_also(std::uint64_t state, const std::string& description);
  const Machines& machines() const { return session_.machines(); }

 private:
  std::vector<std::uint64_t> enter(const std::string& name, std::uint64_t byte_count, int root,
                                   bool equal_sizes);
  void broadcast_pieces(std::span<std::byte> bytes, int root);
  std::vector<double> gather_doubles(std::span<const double> values, const std::string& name);
  void run_reduction(const RingWork& work, const CollectiveId& id);
  void leave();

  MpiSession session_;
  MPI_Comm communicator_ = MPI_COMM_NULL;  // of the calling thread; freed with MPI
  const int exceptions_at_start_;
  std::uint64_t collective_count_ = 0;
  std::uint64_t other_state_ = 0;
  std::string other_description_;
  std::atomic<bool> abandoned_ = false;
  PeerMonitor monitor_;
  MpiWait wait_;
  std::unique_ptr<MpiRing> ring_;
  ReductionQueue queue_;  // its thread uses all of the above
};

}  // namespace lambert
