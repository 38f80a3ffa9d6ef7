// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "comm/machines.h"
#include "comm/ring_all_reduce.h"

namespace lambert {

// The story of the two rings
// --------------------------
// m MACHINES have k ranks each. Inside a machine memory carries messages, between machines a
// network does, so the network shall carry as little as possible. A rank is on two rings: the one
// INSIDE its machine, and its LANE, which it shares with the ranks of the same place on the other
// machines. Every rank owns one share of the values (the cuts).
//
//   1. Reduce-scatter inside: for every machine M in turn, the ring inside adds up the shares that
//      M's ranks own; the rank of place j ends with its machine's sum of the share of (M, j).
//   2. The lane of place j adds these sums of the shares (0, j), (1, j) ... between the machines;
//      an all-reduce or a reduce-scatter.
//   3. All-gather inside, machine by machine as in 1.
// A reduce-scatter leaves out 3 and the second half of 2, an all-gather 1 and the first half of 2.
// So a share is always added by the same ranks in the same order, and the halves give the bits of
// the whole; all lanes use the network at the same time. Over it a machine sends 2 (m - 1) / m
// times the size of the values; of the flat ring 2 (n - 1) / n times, and k times that when
// neighbours in rank order are on different machines.
//
// bf16 on the wire is for the lanes: inside, fp32 moves through shared memory and nothing is
// rounded. Step 2 is the only one that rounds, so it alone fills the residual, on the values of its
// lane.

/// Sums over ranks on several machines with equally many ranks. Used from one thread.
class HierarchicalAllReduce {
 public:
  /// inside: the ranks of this machine, ascending, fp32 on the wire; lane: by machine.
  HierarchicalAllReduce(RingAllReduce& inside, RingAllReduce& lane, const Machines& machines,
                        int rank);

  /// As RingAllReduce::run.
  void run(const RingWork& work, const CollectiveId& id);

 private:
  void run_inside(const RingWork& work, RingKind kind);

  RingAllReduce& inside_;
  RingAllReduce& lane_;
  std::vector<std::vector<int>> ranks_of_;  // by machine
  std::size_t place_ = 0;                   // of this rank on its machine
};

}  // namespace lambert
