// SPDX-License-Identifier: Apache-2.0
#include "comm/hierarchical_all_reduce.h"

#include <algorithm>
#include <utility>

namespace lambert {
namespace {

RingChunk share_of(const RingWork& work, int rank) {
  const auto index = static_cast<std::size_t>(rank);
  return {work.cuts[index], work.cuts[index + 1]};
}

}  // namespace

HierarchicalAllReduce::HierarchicalAllReduce(RingAllReduce& inside, RingAllReduce& lane,
                                             const Machines& machines, int rank)
    : inside_(inside), lane_(lane) {
  for (int machine = 0; machine < machines.count(); ++machine) {
    ranks_of_.push_back(machines.ranks_of(machine));
  }
  const int own_machine = machines.machine_of.at(static_cast<std::size_t>(rank));
  const std::vector<int>& neighbours = ranks_of_.at(static_cast<std::size_t>(own_machine));
  place_ = static_cast<std::size_t>(std::find(neighbours.begin(), neighbours.end(), rank) -
                                    neighbours.begin());
}

void HierarchicalAllReduce::run(const RingWork& work, const CollectiveId& id) {
  std::size_t ranks = 0;
  RingChunks lane_chunks;
  for (const std::vector<int>& on_machine : ranks_of_) {
    ranks += on_machine.size();
  }
  check_ring_work(work, static_cast<int>(ranks));
  take_up_residual(work);
  for (const std::vector<int>& on_machine : ranks_of_) {
    lane_chunks.push_back(share_of(work, on_machine.at(place_)));
  }
  inside_.meet(work, id);
  lane_.meet(work, id);
  if (work.kind != RingKind::all_gather) {
    run_inside(work, RingKind::reduce_scatter);
  }
  lane_.run_part({work.kind, work.values, std::move(lane_chunks), work.residual});
  if (work.kind != RingKind::reduce_scatter) {
    run_inside(work, RingKind::all_gather);
  }
}

void HierarchicalAllReduce::run_inside(const RingWork& work, RingKind kind) {
  for (const std::vector<int>& on_machine : ranks_of_) {
    RingChunks chunks;
    for (const int owner : on_machine) {
      chunks.push_back(share_of(work, owner));
    }
    inside_.run_part({kind, work.values, std::move(chunks), {}});
  }
}

}  // namespace lambert
