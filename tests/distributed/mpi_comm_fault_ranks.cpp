// SPDX-License-Identifier: Apache-2.0
// A job in which something happens to one rank: mpi_comm_fault_ranks FAULT RANK TIMEOUT. Prints its
// process number, so that the test can see that nothing is left.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include "app/failure_report.h"
#include "base/error.h"
#include "base/log.h"
#include "comm/make_communicator.h"

namespace {

using lambert::Communicator;

constexpr int kSteps = 30;
constexpr int kFaultStep = 10;

/// What happens to this rank in the middle of the run. Returns true if it leaves out the step's
/// reduction.
bool suffer(const std::string& fault, Communicator& communicator) {
  if (fault == "freeze") {
    raise(SIGSTOP);
  } else if (fault == "kill") {
    raise(SIGKILL);
  } else if (fault == "dawdle") {
    std::this_thread::sleep_for(std::chrono::seconds(2));
  } else if (fault == "hang") {
    std::this_thread::sleep_for(std::chrono::hours(1));
  } else if (fault == "data") {
    throw lambert::DataError("reading shard 7: hash mismatch; prepare it again");
  } else if (fault == "other-collective") {
    communicator.barrier();
  } else if (fault == "other-reduction") {
    std::vector<float> values(77);
    communicator.start_all_reduce_sum(values, "odd one")->wait();
  }
  return fault == "skip-reduction";
}

void reduce_buckets(Communicator& communicator) {
  std::vector<std::vector<float>> buckets(4, std::vector<float>(100000, 1.0F));
  std::vector<std::unique_ptr<lambert::PendingCollective>> pending;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    pending.push_back(communicator.start_all_reduce_sum(buckets[i], "bucket " + std::to_string(i)));
  }
  for (const auto& reduction : pending) {
    reduction->wait();
  }
}

/// As in a sharded step: reduce-scatter of the gradients, all-gather of the weights. The faulty
/// rank leaves between the two.
void run_sharded_step(Communicator& communicator, bool suffers) {
  const std::size_t count = 100000;
  const lambert::ShareCuts cuts = lambert::cut_evenly(count, communicator.size());
  std::vector<float> gradients(count, 1.0F);
  std::vector<std::byte> weights(count);
  communicator.start_reduce_scatter_sum(std::span(gradients), cuts, "gradient bucket 0")->wait();
  if (suffers) {
    std::this_thread::sleep_for(std::chrono::hours(1));
  }
  communicator.start_all_gather(weights, cuts, "weights of bucket 0")->wait();
}

void run(const std::string& fault, int faulty_rank, double timeout_seconds) {
  lambert::CommConfig config;
  config.backend = lambert::Backend::mpi;
  config.timeout_seconds = timeout_seconds;
  const auto communicator = lambert::make_communicator(config);
  lambert::start_logging({communicator->rank(), communicator->size()});
  std::fprintf(stderr, "pid %d\n", getpid());
  const bool before_collective = fault == "other-collective";
  for (int step = 0; step < kSteps; ++step) {
    const bool suffers = step == kFaultStep && communicator->rank() == faulty_rank;
    if (suffers && before_collective) {
      suffer(fault, *communicator);
    }
    std::vector<double> loss = {1.0};
    communicator->all_reduce_sum(loss);
    if (fault == "hang-in-sharded-step") {
      run_sharded_step(*communicator, suffers);
      continue;
    }
    const bool skips = suffers && !before_collective && suffer(fault, *communicator);
    if (!skips) {
      reduce_buckets(*communicator);
    }
  }
  if (fault == "hang-at-end" && communicator->rank() == faulty_rank) {
    std::this_thread::sleep_for(std::chrono::hours(1));
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
