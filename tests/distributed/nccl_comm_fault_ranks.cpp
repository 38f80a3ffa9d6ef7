// SPDX-License-Identifier: Apache-2.0
// A job over the stand-in for NCCL, whose faults its environment sets: nccl_comm_fault_ranks SUFFER
// RANK TIMEOUT. SUFFER: nothing, or what the rank does in step 3: freeze, skip (leaves out a
// bucket), swap (exchanges two), data (throws with buckets in flight).
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

#include "app/failure_report.h"
#include "base/error.h"
#include "base/log.h"
#include "comm/make_communicator.h"
#include "support/device_work.h"

namespace {

constexpr int kSteps = 6;
constexpr int kBuckets = 4;
constexpr int kFaultStep = 3;

void run(const std::string& suffer, int rank, double timeout_seconds) {
  lambert::CommConfig config;
  config.timeout_seconds = timeout_seconds;
  std::fprintf(stderr, "pid %d\n", getpid());
  // Never freed, as a device's memory that its context owns: a rank that unwinds leaves streams
  // behind which write into them until the process ends.
  static std::array<std::array<float, 10000>, kBuckets> buckets;
  for (auto& bucket : buckets) {
    bucket.fill(1.0F);
  }
  const auto communicator = lambert::make_communicator(config, lambert::testing::stand_in_device());
  lambert::start_logging({communicator->rank(), communicator->size()});
  for (int step = 0; step < kSteps; ++step) {
    const bool suffers = step == kFaultStep && communicator->rank() == rank;
    std::vector<double> loss = {1.0};
    communicator->all_reduce_sum(loss);
    std::vector<std::unique_ptr<lambert::PendingCollective>> pending;
    for (int i = 0; i < kBuckets; ++i) {
      if (suffers && suffer == "freeze" && i == 2) {
        raise(SIGSTOP);
      }
      if (suffers && suffer == "skip" && i == 2) {
        continue;
      }
      const int bucket = suffers && suffer == "swap" ? kBuckets - 1 - i : i;
      pending.push_back(communicator->start_all_reduce_sum(
          std::span(buckets[static_cast<std::size_t>(bucket)]), "bucket " + std::to_string(bucket),
          lambert::DeviceStream{}));
    }
    if (suffers && suffer == "data") {
      throw lambert::DataError("reading shard 7: hash mismatch; prepare it again");
    }
    for (const auto& reduction : pending) {
      reduction->wait();
    }
  }
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count != 4) {
    return 2;
  }
  try {
    run(arguments[1], std::atoi(arguments[2]), std::atof(arguments[3]));
  } catch (const lambert::Error& error) {
    return lambert::report_failure(error.code(), error.what());
  }
  return 0;
}
