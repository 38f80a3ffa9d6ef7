// SPDX-License-Identifier: Apache-2.0
// Bus bandwidth as nccl-tests define it (doc/PERFORMANCE.md): bytes / seconds * 2 (n - 1) / n for
// an all-reduce, half of that for its halves. With several machines, the flat ring and the sums
// machine by machine take turns.
#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <mpi.h>

#include "app/bench_command.h"
#include "app/bench_model.h"
#include "comm/mpi_communicator.h"
#include "comm/mpi_ring.h"
#include "comm/reduction_queue.h"
#include "comm/timed_collective.h"

namespace lambert {
namespace {

/// Sums machine by machine beside a communicator whose ring is flat; a thread of its own, as that
/// has.
class HierarchicalRing {
 public:
  HierarchicalRing(MpiCommunicator& communicator, const CommConfig& config)
      : ring_(MpiWait(communicator.monitor(), CollectiveKind::reduction, config.timeout_seconds,
                      abandoned_),
              communicator.machines(), communicator.rank(), config.all_reduce_dtype, true),
        queue_([this](const RingWork& work, const CollectiveId& id) { ring_.run(work, id); },
               abandoned_) {}
  void run(RingWork work) { queue_.start(std::move(work))->wait(); }
  void close() { ring_.close(); }

 private:
  std::atomic<bool> abandoned_ = false;
  MpiRing ring_;
  ReductionQueue queue_;
};

/// A way to do a collective, and how long it took.
struct Way {
  std::string name;  // part of the figures' names
  std::function<void()> run;
  std::vector<double> seconds = {};
};

/// One of the ring's collectives in all its ways, ours first.
struct Contest {
  std::string prefix;  // of the figures
  double halves = 1.0;
  std::vector<Way> ways;
};

std::vector<int> to_counts(const ShareCuts& cuts) {
  std::vector<int> counts;
  for (std::size_t rank = 0; rank + 1 < cuts.size(); ++rank) {
    counts.push_back(static_cast<int>(cuts[rank + 1] - cuts[rank]));
  }
  return counts;
}

/// What the contests work on.
struct Field {
  MpiCommunicator& communicator;
  HierarchicalRing* hierarchical;  // null: the ring has one form
  std::vector<float> values;
  std::vector<float> share = {};  // of MPI_Reduce_scatter
};

/// The ring's ways to do a work.
std::vector<Way> ring_ways(Field& field, RingKind kind) {
  const auto work = [&field, kind] {
    RingWork made;
    made.kind = kind;
    made.name = "bench";
    made.values = std::span(field.values);
    made.cuts = cut_evenly(field.values.size(), field.communicator.size());
    if (kind == RingKind::all_gather) {
      made.values = std::as_writable_bytes(std::span(field.values));
      for (std::size_t& cut : made.cuts) {
        cut *= sizeof(float);
      }
    }
    return made;
  };
  std::vector<Way> ways = {{"", [&field, work] { field.communicator.start(work())->wait(); }}};
  if (field.hierarchical != nullptr) {
    ways.push_back({"hierarchical_", [&field, work] { field.hierarchical->run(work()); }});
  }
  return ways;
}

std::vector<Contest> make_contests(Field& field, bool has_peer) {
  const ShareCuts cuts = cut_evenly(field.values.size(), field.communicator.size());
  const std::vector<int> counts = to_counts(cuts);
  const std::vector<int> begins(cuts.begin(), cuts.end() - 1);
  field.share.resize(cuts[1]);
  std::vector<Contest> contests = {
      {"", 2.0, ring_ways(field, RingKind::all_reduce)},
      {"reduce_scatter_", 1.0, ring_ways(field, RingKind::reduce_scatter)},
      {"all_gather_", 1.0, ring_ways(field, RingKind::all_gather)}};
  if (!has_peer) {
    return contests;
  }
  contests[0].ways.push_back({"peer_", [&field] {
                                MPI_Allreduce(MPI_IN_PLACE, field.values.data(),
                                              static_cast<int>(field.values.size()), MPI_FLOAT,
                                              MPI_SUM, MPI_COMM_WORLD);
                              }});
  contests[1].ways.push_back({"peer_", [&field, counts] {
                                MPI_Reduce_scatter(field.values.data(), field.share.data(),
                                                   counts.data(), MPI_FLOAT, MPI_SUM,
                                                   MPI_COMM_WORLD);
                              }});
  contests[2].ways.push_back({"peer_", [&field, counts, begins] {
                                MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL,
                                               field.values.data(), counts.data(), begins.data(),
                                               MPI_FLOAT, MPI_COMM_WORLD);
                              }});
  return contests;
}

void add_figures(const Contest& contest, double gigabytes_on_bus, BenchResult& result) {
  const double ring_median = summarize(contest.ways.front().seconds).median;
  for (const Way& way : contest.ways) {
    const CallTimes times = summarize(way.seconds);
    const std::string prefix = contest.prefix + way.name;
    result.figures.insert(result.figures.end(),
                          {{prefix + "milliseconds", 1e3 * times.median},
                           {prefix + "milliseconds_fastest", 1e3 * times.smallest},
                           {prefix + "milliseconds_slowest", 1e3 * times.largest}});
    if (way.name != "peer_") {
      result.figures.emplace_back(prefix + "bus_gb_per_second",
                                  contest.halves * gigabytes_on_bus / times.median);
    } else {
      result.figures.emplace_back(contest.prefix + "times_as_fast", times.median / ring_median);
    }
  }
}

/// All take turns in one process and memory, so that whatever else the machine does hits them all.
void hold(std::vector<Contest>& contests, Field& field, double seconds) {
  std::vector<double> past = {0.0};
  const Stopwatch watch;
  for (int round = -2; round < 3 || past.front() < seconds; ++round) {
    for (Contest& contest : contests) {
      std::fill(field.values.begin(), field.values.end(), 1.0F);
      for (Way& way : contest.ways) {
        const double time = timed(field.communicator, way.run);
        if (round >= 0) {  // the first two only warm up
          way.seconds.push_back(time);
        }
      }
    }
    past = {watch.seconds()};
    field.communicator.all_reduce_max(past);  // so that all ranks stop after the same round
  }
}

}  // namespace

BenchResult bench_allreduce(const BenchOptions& options) {
  CommConfig config;
  config.all_reduce_dtype = options.dtype == "bf16" ? WireType::bfloat16 : WireType::float32;
  config.hierarchical = AutoFlag::off;
  MpiCommunicator communicator(config);
  const int ranks = communicator.size();
  std::optional<HierarchicalRing> hierarchical;
  if (choose_hierarchical(AutoFlag::automatic, communicator.machines())) {
    hierarchical.emplace(communicator, config);
  }
  Field field{
      communicator, hierarchical ? &*hierarchical : nullptr,
      std::vector<float>(static_cast<std::size_t>(options.megabytes * 1e6) / sizeof(float))};
  std::vector<Contest> contests = make_contests(field, options.has_peer);
  hold(contests, field, options.seconds);
  if (hierarchical) {
    hierarchical->close();
  }
  if (communicator.rank() != 0) {
    return {};
  }
  const auto bytes = static_cast<double>(field.values.size() * sizeof(float));
  const auto rounds = static_cast<double>(contests.front().ways.front().seconds.size());
  BenchResult result{{{"benchmark", "allreduce"}, {"wire", options.dtype}},
                     {{"ranks", static_cast<double>(ranks)},
                      {"machines", static_cast<double>(communicator.machines().count())},
                      {"megabytes", bytes / 1e6},
                      {"rounds", rounds},
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
