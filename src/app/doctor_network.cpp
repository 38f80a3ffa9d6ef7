// SPDX-License-Identifier: Apache-2.0
// What the ring reaches for every size, beside what memory or the links between machines allow. Bus
// bandwidth as in bench_allreduce.cpp.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <map>

#include <nlohmann/json.hpp>

#include "app/bench_model.h"
#include "app/bench_result.h"
#include "app/doctor.h"
#include "app/system_file.h"
#include "comm/make_communicator.h"
#include "comm/timed_collective.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

/// MB: from single numbers to more than any bucket.
constexpr double kSizes[] = {0.004, 0.032, 0.256, 1.0, 4.0, 16.0, 64.0};
/// Of the limit, at the sizes of buckets (communication.bucket_megabytes); below it something is
/// wrong rather than slow.
constexpr double kGoodShare = 0.5;
constexpr double kBucketMegabytes = 16.0;

struct Row {
  double megabytes = 0.0;
  double milliseconds = 0.0;
  double bus_gigabytes = 0.0;  // a second
};

/// What bounds the bus bandwidth, GB per second; 0 when nobody knows.
struct Limit {
  double gigabytes = 0.0;
  std::string kind;    // memory, link
  std::string source;  // with the figures
};

/// Seconds of one all-reduce on the slowest rank, median of turns until `seconds` are over.
double time_all_reduce(Communicator& communicator, double megabytes, double seconds) {
  std::vector<float> values(static_cast<std::size_t>(megabytes * 1e6) / sizeof(float), 1.0F);
  std::vector<double> times;
  std::vector<double> past = {0.0};
  const Stopwatch watch;
  for (int turn = -2; turn < 3 || past.front() < seconds; ++turn) {  // the first two warm up
    const double slowest =
        timed(communicator, [&] { communicator.start_all_reduce_sum(values, "sweep")->wait(); });
    past = {watch.seconds()};
    communicator.all_reduce_max(past);  // so that all ranks stop after the same turn
    if (turn >= 0) {
      times.push_back(slowest);
    }
    std::fill(values.begin(), values.end(), 1.0F);
  }
  return summarize(std::move(times)).median;
}

Row measure(Communicator& communicator, double megabytes, double seconds) {
  const double median = time_all_reduce(communicator, megabytes, seconds);
  const double ranks = communicator.size();
  return {megabytes, 1e3 * median, megabytes / 1e3 / median * 2.0 * (ranks - 1.0) / ranks};
}

/// Gigabits per second of the fastest link that is up: InfiniBand, then Ethernet; 0 when none
/// tells. Links of containers and virtual machines often do not.
double fastest_link() {
  double fastest = 0.0;
  std::error_code error;
  for (const auto& card : fs::directory_iterator("/sys/class/infiniband", error)) {
    for (const auto& port : fs::directory_iterator(card.path() / "ports", error)) {
      if (first_line_of(port.path() / "state").find("ACTIVE") != std::string::npos) {
        // "400 Gb/sec (4X NDR)"
        fastest = std::max(fastest, std::atof(first_line_of(port.path() / "rate").c_str()));
      }
    }
  }
  for (const auto& link : fs::directory_iterator("/sys/class/net", error)) {
    if (link.path().filename() != "lo" && first_line_of(link.path() / "operstate") == "up") {
      fastest = std::max(fastest, std::atof(first_line_of(link.path() / "speed").c_str()) / 1e3);
    }
  }
  return fastest;
}

/// How often the ring leaves the machine that it leaves most often: its link carries every byte as
/// often.
int most_crossings(const Communicator& communicator) {
  std::map<std::string, int> crossings;
  int most = 1;
  for (int rank = 0; rank < communicator.size(); ++rank) {
    const std::string host = communicator.host_of(rank);
    if (host != communicator.host_of((rank + 1) % communicator.size())) {
      most = std::max(most, ++crossings[host]);
    }
  }
  return most;
}

/// Of all ranks copying together, bytes per second.
double copy_bandwidth_of_machine(Communicator& communicator) {
  constexpr std::int64_t kElements = std::int64_t{1} << 26;  // of all ranks: 256 MiB twice
  constexpr std::int64_t kFewest = std::int64_t{1} << 22;    // of one
  communicator.barrier();
  std::vector<double> sum = {
      measure_copy_bandwidth(std::max(kFewest, kElements / communicator.size()))};
  communicator.all_reduce_sum(sum);
  return sum.front();
}

/// Between machines the slowest of their links, divided by how often the ring crosses it; on one, a
/// byte on the bus is at the least read once and written once by each rank, out of one memory.
Limit find_limit(Communicator& communicator, const DoctorOptions& options) {
  if (communicator.local_size() == communicator.size()) {
    const double copied = copy_bandwidth_of_machine(communicator) / 1e9;
    return {copied / (2.0 * communicator.size()), "memory",
            "memory, which copies " + std::to_string(std::lround(copied)) + " GB/s"};
  }
  // The smallest of all: the largest of the negatives.
  std::vector<double> slowest = {
      -(options.link_gigabits > 0.0 ? options.link_gigabits : fastest_link())};
  communicator.all_reduce_max(slowest);
  const int crossings = most_crossings(communicator);
  const std::string from = options.link_gigabits > 0.0 ? "--link-gigabits" : "/sys/class";
  return {std::max(0.0, -slowest.front()) / 8.0 / crossings, "link",
          "links of " + std::to_string(std::lround(-slowest.front())) + " Gbit/s (" + from + ")" +
              (crossings > 1 ? ", crossed " + std::to_string(crossings) + " times" : "")};
}

std::string describe_algorithm(const Communicator& communicator) {
  if (communicator.local_size() == communicator.size()) {
    return "ring, shared memory";
  }
  return communicator.local_size() > 1 ? "ring, MPI between machines, shared memory within"
                                       : "ring, MPI";
}

std::string advice_for(const Limit& limit, int crossings) {
  if (limit.kind == "memory") {
    return "ranks may outnumber the cores, share them, or other programs use them: end those, "
           "start "
           "fewer ranks, or bind them: mpirun --bind-to core";
  }
  if (crossings > 1) {
    return "ranks are dealt round the machines, so that the ring crosses the links several times: "
           "deal them machine by machine: mpirun --map-by slot";
  }
  return "MPI may use the wrong network: name the fast interface: mpirun --mca btl_tcp_if_include "
         "NAME; or other traffic shares it";
}

/// ok, warning or unknown, and why.
Finding judge(const std::vector<Row>& rows, const Limit& limit, int crossings) {
  double best = 0.0;
  for (const Row& row : rows) {
    best = row.megabytes >= kBucketMegabytes ? std::max(best, row.bus_gigabytes) : best;
  }
  std::array<char, 128> found{};
  std::snprintf(found.data(), found.size(),
                "%.2f GB/s in buckets of %.0f MB and more, %.2f should be there", best,
                kBucketMegabytes, limit.gigabytes);
  if (limit.gigabytes <= 0.0) {
    return {"network", FindingState::missing, "no link of these machines tells its speed",
            "say it yourself: --link-gigabits 100 for a 100 Gbit/s card"};
  }
  if (best >= kGoodShare * limit.gigabytes) {
    return {"network", FindingState::ok, found.data()};
  }
  return {"network", FindingState::warning, found.data(), advice_for(limit, crossings)};
}

std::string name_of_verdict(const Finding& verdict) {
  switch (verdict.state) {
    case FindingState::ok:
      return "ok";
    case FindingState::warning:
      return "warning";
    case FindingState::missing:
      break;
  }
  return "unknown";
}

void print_table(const std::vector<Row>& rows, const Limit& limit, const std::string& algorithm) {
  std::printf("%10s %12s %10s %10s  %s\n", "MB", "ms", "bus GB/s", ("of " + limit.kind).c_str(),
              "algorithm");
  for (const Row& row : rows) {
    std::printf("%10.3f %12.4f %10.2f ", row.megabytes, row.milliseconds, row.bus_gigabytes);
    limit.gigabytes > 0.0 ? std::printf("%9.0f%%", 100.0 * row.bus_gigabytes / limit.gigabytes)
                          : std::printf("%10s", "-");
    std::printf("  %s\n", algorithm.c_str());
  }
}

void print_json(const std::vector<Row>& rows, const Limit& limit, const std::string& algorithm,
                const Finding& verdict, int ranks) {
  nlohmann::ordered_json json = {{"ranks", ranks},
                                 {"algorithm", algorithm},
                                 {"limit_gb_per_second", limit.gigabytes},
                                 {"limit_source", limit.source},
                                 {"verdict", name_of_verdict(verdict)},
                                 {"found", verdict.found},
                                 {"advice", verdict.advice}};
  for (const Row& row : rows) {
    json["sweep"].push_back({{"megabytes", row.megabytes},
                             {"milliseconds", row.milliseconds},
                             {"bus_gb_per_second", row.bus_gigabytes}});
  }
  std::cout << json.dump(2) << "\n";
}

}  // namespace

int run_network_sweep(const DoctorOptions& options) {
  if (!started_by_launcher()) {
    throw ConfigError(
        "sweeping the all-reduce: there is one rank and nothing to reduce with; start several: "
        "mpirun -n 2 lambert doctor --net");
  }
  const std::unique_ptr<Communicator> communicator = make_communicator(CommConfig{});
  const Limit limit = find_limit(*communicator, options);
  std::vector<Row> rows;
  for (const double megabytes : kSizes) {
    rows.push_back(measure(*communicator, megabytes,
                           options.seconds / static_cast<double>(std::size(kSizes))));
  }
  if (communicator->rank() != 0) {
    return 0;
  }
  const std::string algorithm = describe_algorithm(*communicator);
  const Finding verdict = judge(rows, limit, most_crossings(*communicator));
  if (options.json) {
    print_json(rows, limit, algorithm, verdict, communicator->size());
    return 0;
  }
  print_table(rows, limit, algorithm);
  std::printf("\n%d ranks; limit %.2f GB/s: %s\n%s: %s\n", communicator->size(), limit.gigabytes,
              limit.source.c_str(), verdict.state == FindingState::ok ? "ok" : "warning",
              verdict.found.c_str());
  if (!verdict.advice.empty()) {
    std::printf("-> %s\n", verdict.advice.c_str());
  }
  return 0;
}

}  // namespace lambert
