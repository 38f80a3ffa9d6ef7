// SPDX-License-Identifier: Apache-2.0
#include "comm/mpi_ring.h"

#include <algorithm>
#include <vector>

#include "comm/check_mpi.h"

namespace lambert {
namespace {

/// Ranks of the same colour, in rank order.
MPI_Comm split_world(int colour) {
  MPI_Comm part = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split(MPI_COMM_WORLD, colour, 0, &part), "MPI_Comm_split");
  return part;
}

}  // namespace

MpiRing::MpiRing(const MpiWait& wait, const Machines& machines, int rank, WireType wire_type,
                 bool is_hierarchical) {
  const int machine = machines.machine_of.at(static_cast<std::size_t>(rank));
  if (!is_hierarchical) {
    flat_ = std::make_unique<Stage>(wait, MpiLink::Neighbours::by_shared_memory_where_possible,
                                    MPI_COMM_WORLD, machine, wire_type);
    return;
  }
  const std::vector<int> here = machines.ranks_of(machine);
  const auto place = static_cast<int>(std::find(here.begin(), here.end(), rank) - here.begin());
  MPI_Comm inside = split_world(machine);
  MPI_Comm lane = split_world(place);
  inside_ = std::make_unique<Stage>(wait, MpiLink::Neighbours::by_shared_memory_where_possible,
                                    inside, machine, WireType::float32);
  lane_ = std::make_unique<Stage>(wait, MpiLink::Neighbours::by_message, lane, machine, wire_type);
  hierarchical_ =
      std::make_unique<HierarchicalAllReduce>(inside_->ring, lane_->ring, machines, rank);
  check_mpi(MPI_Comm_free(&inside), "MPI_Comm_free");
  check_mpi(MPI_Comm_free(&lane), "MPI_Comm_free");
}

void MpiRing::run(const RingWork& work, const CollectiveId& id) {
  if (flat_) {
    flat_->ring.run(work, id);
  } else {
    hierarchical_->run(work, id);
  }
}

void MpiRing::close() {
  for (Stage* stage : {flat_.get(), inside_.get(), lane_.get()}) {
    if (stage != nullptr) {
      stage->link.close();
    }
  }
}

void MpiRing::cancel_receives() {
  for (Stage* stage : {flat_.get(), inside_.get(), lane_.get()}) {
    if (stage != nullptr) {
      stage->link.cancel_receives();
    }
  }
}

}  // namespace lambert
