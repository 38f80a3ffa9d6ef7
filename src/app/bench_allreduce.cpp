// SPDX-License-Identifier: Apache-2.0
// Bus bandwidth as nccl-tests define it (doc/PERFORMANCE.md): bytes / seconds * 2 (n - 1) / n for
// an all-reduce, half of that for its halves.
#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string>
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

/// One of the ring's collectives, and MPI's own.
struct Contest {
  std::string prefix;  // of the figures
  double halves = 1.0;
  std::function<void()> ring;
  std::function<void()> library;
  std::vector<double> ring_seconds = {};
  std::vector<double> library_seconds = {};
};

std::vector<int> to_counts(const ShareCuts& cuts) {
  std::vector<int> counts;
  for (std::size_t rank = 0; rank + 1 < cuts.size(); ++rank) {
    counts.push_back(static_cast<int>(cuts[rank + 1] - cuts[rank]));
  }
  return counts;
}

std::vector<Contest> make_contests(Communicator& communicator, std::vector<float>& values,
                                   std::vector<float>& share) {
  const ShareCuts cuts = cut_evenly(values.size(), communicator.size());
  ShareCuts byte_cuts = cuts;
  for (std::size_t& cut : byte_cuts) {
    cut *= sizeof(float);
  }
  const std::vector<int> counts = to_counts(cuts);
  const std::vector<int> begins(cuts.begin(), cuts.end() - 1);
  share.resize(cuts[1]);
  return {{"", 2.0, [&] { communicator.start_all_reduce_sum(values, "bench")->wait(); },
           [&] {
             MPI_Allreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), MPI_FLOAT,
                           MPI_SUM, MPI_COMM_WORLD);
           }},
          {"reduce_scatter_", 1.0,
           [&, cuts] { communicator.start_reduce_scatter_sum(values, cuts, "bench")->wait(); },
           [&, counts] {
             MPI_Reduce_scatter(values.data(), share.data(), counts.data(), MPI_FLOAT, MPI_SUM,
                                MPI_COMM_WORLD);
           }},
          {"all_gather_", 1.0,
           [&, byte_cuts] {
             communicator
                 .start_all_gather(std::as_writable_bytes(std::span(values)), byte_cuts, "bench")
                 ->wait();
           },
           [&, counts, begins] {
             MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, values.data(), counts.data(),
                            begins.data(), MPI_FLOAT, MPI_COMM_WORLD);
           }}};
}

void add_figures(const Contest& contest, double gigabytes_on_bus, BenchResult& result) {
  const CallTimes times = summarize(contest.ring_seconds);
  const std::string& prefix = contest.prefix;
  const double bus = contest.halves * gigabytes_on_bus;
  result.figures.insert(result.figures.end(),
                        {{prefix + "milliseconds", 1e3 * times.median},
                         {prefix + "milliseconds_fastest", 1e3 * times.smallest},
                         {prefix + "milliseconds_slowest", 1e3 * times.largest},
                         {prefix + "bus_gb_per_second", bus / times.median}});
  if (!contest.library_seconds.empty()) {
    const CallTimes peer = summarize(contest.library_seconds);
    result.figures.insert(result.figures.end(),
                          {{prefix + "peer_milliseconds", 1e3 * peer.median},
                           {prefix + "peer_milliseconds_fastest", 1e3 * peer.smallest},
                           {prefix + "peer_milliseconds_slowest", 1e3 * peer.largest},
                           {prefix + "times_as_fast", peer.median / times.median}});
  }
}

}  // namespace

BenchResult bench_allreduce(const BenchOptions& options) {
  CommConfig config;
  config.backend = Backend::mpi;
  config.all_reduce_dtype = options.dtype == "bf16" ? WireType::bfloat16 : WireType::float32;
  const std::unique_ptr<Communicator> communicator = make_communicator(config);
  const int ranks = communicator->size();
  std::vector<float> values(static_cast<std::size_t>(options.megabytes * 1e6) / sizeof(float));
  std::vector<float> share;
  std::vector<Contest> contests = make_contests(*communicator, values, share);
  // All take turns in one process and memory, so that whatever else the machine does hits them all.
  std::vector<double> past = {0.0};
  const Stopwatch watch;
  for (int round = -2; round < 3 || past.front() < options.seconds; ++round) {
    for (Contest& contest : contests) {
      std::fill(values.begin(), values.end(), 1.0F);
      const double ring_time = timed(*communicator, contest.ring);
      const double library_time = options.has_peer ? timed(*communicator, contest.library) : 0.0;
      if (round < 0) {
        continue;  // the first two only warm up
      }
      contest.ring_seconds.push_back(ring_time);
      if (options.has_peer) {
        contest.library_seconds.push_back(library_time);
      }
    }
    past = {watch.seconds()};
    communicator->all_reduce_max(past);  // so that all ranks stop after the same round
  }
  if (communicator->rank() != 0) {
    return {};
  }
  const auto bytes = static_cast<double>(values.size() * sizeof(float));
  BenchResult result{{{"benchmark", "allreduce"}, {"wire", options.dtype}},
                     {{"ranks", static_cast<double>(ranks)},
                      {"megabytes", bytes / 1e6},
                      {"rounds", static_cast<double>(contests.front().ring_seconds.size())},
                      {"copy_bandwidth_gb_per_second", measure_copy_bandwidth() / 1e9}}};
  if (options.has_peer) {
    result.settings.emplace_back("peer", "MPI_Allreduce, MPI_Reduce_scatter, MPI_Allgatherv, fp32");
  }
  for (const Contest& contest : contests) {
    add_figures(contest, (ranks - 1.0) / ranks * bytes / 1e9, result);
  }
  return result;
}

}  // namespace lambert
