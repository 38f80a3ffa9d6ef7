// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "comm/communicator.h"
#include "comm/ring_all_reduce.h"

namespace lambert {
namespace {

class NothingPending final : public PendingCollective {
 public:
  void wait() override {}
};

class SingleCommunicator final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int local_size() const override { return 1; }
  std::string host_of(int /*rank*/) const override { return "localhost"; }
  void barrier() override {}
  void broadcast(std::span<std::byte> /*bytes*/, int /*root*/) override {}
  void all_reduce_sum(std::span<double> /*values*/) override {}
  void all_reduce_max(std::span<double> /*values*/) override {}
  std::vector<std::vector<std::byte>> all_gather(std::span<const std::byte> bytes) override {
    return {std::vector<std::byte>(bytes.begin(), bytes.end())};
  }
  std::unique_ptr<PendingCollective> start(RingWork work) override {
    if (work.producer && !work.residual.empty()) {
      throw ConfigError("starting '" + work.name +
                        "': error feedback works on host memory only; set "
                        "communication.error_feedback: false");
    }
    take_up_residual(work);
    return std::make_unique<NothingPending>();
  }
};

}  // namespace

std::unique_ptr<Communicator> make_single_communicator() {
  return std::make_unique<SingleCommunicator>();
}

}  // namespace lambert
