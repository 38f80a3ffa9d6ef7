// SPDX-License-Identifier: Apache-2.0
// Ring all-reduce against the library's MPI_Allreduce: same process, same memory, taking turns, so
// that whatever else the machine does hits both. Run: mpirun -n 2 bench_collectives. Bus bandwidth
// as nccl-tests define it (doc/PERFORMANCE.md): bytes / seconds * 2 (n - 1) / n.
#include <algorithm>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <mpi.h>

#include "base/clock.h"
#include "comm/make_communicator.h"

namespace {

using lambert::Communicator;
using lambert::Stopwatch;

struct Summary {
  double median = 0.0;   // seconds
  double fastest = 0.0;  // seconds
  double slowest = 0.0;  // seconds
};

Summary summarize(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  return {seconds[seconds.size() / 2], seconds.front(), seconds.back()};
}

/// Runs once on all ranks; the time of the slowest rank.
template <class Collective>
double timed(Communicator& communicator, const Collective& collective) {
  communicator.barrier();
  const Stopwatch stopwatch;
  collective();
  std::vector<double> seconds = {stopwatch.seconds()};
  communicator.all_reduce_max(seconds);
  return seconds.front();
}

struct Comparison {
  Summary ring;
  Summary library;
};

Comparison compare(Communicator& communicator, std::span<float> values, int rounds) {
  const auto ring = [&] { communicator.start_all_reduce_sum(values, "bench")->wait(); };
  const auto library = [&] {
    MPI_Allreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), MPI_FLOAT, MPI_SUM,
                  MPI_COMM_WORLD);
  };
  std::vector<double> ring_seconds;
  std::vector<double> library_seconds;
  for (int round = -1; round < rounds; ++round) {
    std::fill(values.begin(), values.end(), 1.0F);
    const bool ring_first = round % 2 == 0;
    double ring_time = ring_first ? timed(communicator, ring) : 0.0;
    const double library_time = timed(communicator, library);
    ring_time = ring_first ? ring_time : timed(communicator, ring);
    if (round >= 0) {  // the first round only warms up
      ring_seconds.push_back(ring_time);
      library_seconds.push_back(library_time);
    }
  }
  return {summarize(ring_seconds), summarize(library_seconds)};
}

void print_row(std::size_t bytes, int ranks, const Comparison& result) {
  const double factor = 2.0 * (ranks - 1) / ranks * static_cast<double>(bytes) * 1e-9;
  std::printf("| %.6g | %.4g (%.4g to %.4g) | %.4g (%.4g to %.4g) | %.2f | %.2f | %.2f |\n",
              static_cast<double>(bytes) * 1e-6, result.ring.median * 1e3,
              result.ring.fastest * 1e3, result.ring.slowest * 1e3, result.library.median * 1e3,
              result.library.fastest * 1e3, result.library.slowest * 1e3,
              factor / result.ring.median, factor / result.library.median,
              result.library.median / result.ring.median);
  std::fflush(stdout);
}

}  // namespace

int main(int argument_count, char** arguments) {
  CLI::App app("ring all-reduce against MPI_Allreduce; start it with mpirun");
  double largest_megabytes = 400.0;
  double smallest_megabytes = 0.004;
  double seconds_per_size = 6.0;
  bool bfloat16 = false;
  app.add_option("--largest-megabytes", largest_megabytes, "largest size");
  app.add_option("--smallest-megabytes", smallest_megabytes, "smallest size");
  app.add_option("--seconds-per-size", seconds_per_size, "more gives more rounds");
  app.add_flag("--bfloat16", bfloat16, "bf16 on the ring's wire (MPI_Allreduce stays fp32)");
  CLI11_PARSE(app, argument_count, arguments);

  lambert::CommConfig config;
  config.backend = lambert::Backend::mpi;
  config.all_reduce_dtype = bfloat16 ? lambert::WireType::bfloat16 : lambert::WireType::float32;
  const auto communicator = lambert::make_communicator(config);
  const int ranks = communicator->size();
  std::vector<float> memory(static_cast<std::size_t>(largest_megabytes * 1e6) / sizeof(float),
                            1.0F);
  if (communicator->rank() == 0) {
    std::printf("%d ranks, fp32 in place, wire %s; median (fastest to slowest)\n\n", ranks,
                bfloat16 ? "bf16" : "fp32");
    std::printf(
        "| MB | ring ms | MPI_Allreduce ms | ring bus GB/s | MPI bus GB/s | speed-up |\n"
        "|---|---|---|---|---|---|\n");
  }
  for (const double megabytes : {0.004, 0.032, 0.256, 1.0, 4.0, 16.0, 25.0, 64.0, 100.0, 400.0}) {
    if (megabytes > largest_megabytes || megabytes < smallest_megabytes) {
      continue;
    }
    const std::size_t count = static_cast<std::size_t>(megabytes * 1e6) / sizeof(float);
    // About 1 GB/s for both together, so that every size gets the same share of time.
    const double guess = megabytes * 2e-3 + 1e-3;
    const int rounds = std::clamp(static_cast<int>(seconds_per_size / guess), 5, 200);
    const Comparison result = compare(*communicator, std::span(memory).first(count), rounds);
    if (communicator->rank() == 0) {
      print_row(count * sizeof(float), ranks, result);
    }
  }
  return 0;
}
