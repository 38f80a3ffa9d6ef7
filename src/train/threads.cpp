// SPDX-License-Identifier: Apache-2.0
#include "train/threads.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <ATen/Parallel.h>
#include <sched.h>

namespace lambert {

std::int64_t set_compute_threads(std::int64_t threads_per_rank, Communicator& communicator) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  ::sched_getaffinity(0, sizeof(cores), &cores);
  // A launcher may bind each rank to its own cores or leave all ranks on all of them; equal sets
  // are shared.
  const std::vector<std::vector<std::byte>> of_ranks =
      communicator.all_gather(std::as_bytes(std::span(&cores, 1)));
  const std::vector<std::byte>& mine = of_ranks[static_cast<std::size_t>(communicator.rank())];
  std::int64_t sharing = 0;
  for (int rank = 0; rank < communicator.size(); ++rank) {
    const bool same_host = communicator.host_of(rank) == communicator.host_of(communicator.rank());
    sharing += same_host && of_ranks[static_cast<std::size_t>(rank)] == mine ? 1 : 0;
  }
  std::int64_t threads = threads_per_rank;
  if (threads == 0) {
    threads = std::max<std::int64_t>(1, CPU_COUNT(&cores) / std::max<std::int64_t>(sharing, 1));
  }
  at::set_num_threads(
      static_cast<int>(threads));  // the one OpenMP runtime: oneDNN and our kernels follow
  return threads;
}

}  // namespace lambert
