// SPDX-License-Identifier: Apache-2.0
// Bus bandwidth as nccl-tests define it (doc/PERFORMANCE.md): bytes / seconds * 2 (n - 1) / n.
#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include <mpi.h>

#include "app/bench_command.h"
#include "app/bench_model.h"
#include "comm/make_communicator.h"

namespace lambert {
namespace {

/// Runs once on all ranks; the time of the slowest rank.
template <typename Collective>
double timed(Communicator& communicator, const Collective& collective) {
  communicator.barrier();
  const Stopwatch stopwatch;
  collective();
  std::vector<double> seconds = {stopwatch.seconds()};
  communicator.all_reduce_max(seconds);
  return seconds.front();
}

}  // namespace

BenchResult bench_allreduce(const BenchOptions& options) {
  CommConfig config;
  config.backend = Backend::mpi;
  config.all_reduce_dtype = options.dtype == "bf16" ? WireType::bfloat16 : WireType::float32;
  const std::unique_ptr<Communicator> communicator = make_communicator(config);
  const int ranks = communicator->size();
  std::vector<float> values(static_cast<std::size_t>(options.megabytes * 1e6) / sizeof(float));
  const auto ring = [&] { communicator->start_all_reduce_sum(values, "bench")->wait(); };
  const auto library = [&] {
    MPI_Allreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), MPI_FLOAT, MPI_SUM,
                  MPI_COMM_WORLD);
  };
  std::vector<double> ring_seconds;
  std::vector<double> library_seconds;
  // Both take turns in one process and memory, so that whatever else the machine does hits both.
  std::vector<double> past = {0.0};
  const Stopwatch watch;
  for (int round = -2; round < 3 || past.front() < options.seconds; ++round) {
    std::fill(values.begin(), values.end(), 1.0F);
    const double ring_time = timed(*communicator, ring);
    const double library_time = options.has_peer ? timed(*communicator, library) : 0.0;
    if (round >= 0) {  // the first two only warm up
      ring_seconds.push_back(ring_time);
      library_seconds.push_back(library_time);
    }
    past = {watch.seconds()};
    communicator->all_reduce_max(past);  // so that all ranks stop after the same round
  }
  if (communicator->rank() != 0) {
    return {};
  }
  const auto bytes = static_cast<double>(values.size() * sizeof(float));
  const double factor = 2.0 * (ranks - 1) / ranks * bytes / 1e9;
  const CallTimes times = summarize(ring_seconds);
  BenchResult result{{{"benchmark", "allreduce"}, {"wire", options.dtype}},
                     {{"ranks", static_cast<double>(ranks)},
                      {"megabytes", bytes / 1e6},
                      {"rounds", static_cast<double>(times.calls)},
                      {"milliseconds", 1e3 * times.median},
                      {"milliseconds_fastest", 1e3 * times.smallest},
                      {"milliseconds_slowest", 1e3 * times.largest},
                      {"bus_gb_per_second", factor / times.median},
                      {"copy_bandwidth_gb_per_second", measure_copy_bandwidth() / 1e9}}};
  if (options.has_peer) {
    const CallTimes peer = summarize(library_seconds);
    result.settings.emplace_back("peer", "MPI_Allreduce, fp32");
    result.figures.insert(result.figures.end(), {{"peer_milliseconds", 1e3 * peer.median},
                                                 {"peer_milliseconds_fastest", 1e3 * peer.smallest},
                                                 {"peer_milliseconds_slowest", 1e3 * peer.largest},
                                                 {"times_as_fast", peer.median / times.median}});
  }
  return result;
}

}  // namespace lambert
