// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "comm/hierarchical_all_reduce.h"
#include "comm/machines.h"
#include "comm/mpi_link.h"
#include "comm/mpi_wait.h"
#include "comm/ring_all_reduce.h"

namespace lambert {

/// The sums of all MPI ranks: one ring, or one inside each machine and one between the machines.
/// Owns links and staging memory. Used from one thread.
class MpiRing {
 public:
  /// Collective over all ranks.
  MpiRing(const MpiWait& wait, const Machines& machines, int rank, WireType wire_type,
          bool is_hierarchical);

  void run(const RingWork& work, const CollectiveId& id);
  /// Collective over all ranks: gives shared memory back.
  void close();
  /// After an error: MPI must not write into memory that is about to go.
  void cancel_receives();

 private:
  /// A link and the ring on it.
  struct Stage {
    MpiLink link;
    RingAllReduce ring;
    Stage(const MpiWait& wait, MpiLink::Neighbours neighbours, MPI_Comm ranks, int machine,
          WireType wire_type)
        : link(wait, RingAllReduce::kSegmentBytes, neighbours, ranks, machine),
          ring(link, wire_type) {}
  };

  std::unique_ptr<Stage> flat_;    // of all ranks, or
  std::unique_ptr<Stage> inside_;  // of this machine, and
  std::unique_ptr<Stage> lane_;    // of the ranks of this place on all machines
  std::unique_ptr<HierarchicalAllReduce> hierarchical_;
};

}  // namespace lambert
