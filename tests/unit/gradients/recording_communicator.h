// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "comm/communicator.h"

namespace lambert {

/// Stands for one rank among `ranks` with equal gradients: a reduction multiplies by the rank count
/// when waited for.
class RecordingCommunicator final : public Communicator {
 public:
  explicit RecordingCommunicator(int ranks) : ranks_(ranks) {}
  int rank() const override { return 0; }
  int size() const override { return ranks_; }
  int local_size() const override { return 1; }
  std::string host_of(int /*rank*/) const override { return "localhost"; }
  void barrier() override {}
  void broadcast(std::span<std::byte> /*bytes*/, int /*root*/) override {}
  void all_reduce_sum(std::span<double> /*values*/) override {}
  void all_reduce_max(std::span<double> /*values*/) override {}
  std::unique_ptr<PendingCollective> start(RingWork work) override {
    started.push_back(work.name);
    return std::make_unique<Reduction>(*this, std::move(work));
  }
  std::vector<std::vector<std::byte>> all_gather(std::span<const std::byte> bytes) override {
    return {std::vector<std::byte>(bytes.begin(), bytes.end())};
  }

  std::vector<std::string> started;
  std::size_t finished = 0;
  std::size_t fails_at = 1000;  // index of the wait that loses its peer

 private:
  class Reduction final : public PendingCollective {
   public:
    Reduction(RecordingCommunicator& owner, RingWork work)
        : owner_(owner), work_(std::move(work)) {}
    void wait() override {
      if (owner_.finished == owner_.fails_at) {
        throw CommError("waiting for " + owner_.started[owner_.finished] + ": rank 1 is silent");
      }
      ++owner_.finished;
      const auto multiply = [this](auto values) {
        using Value = typename decltype(values)::value_type;
        if constexpr (!std::is_same_v<Value, std::byte>) {
          for (Value& value : values) {
            value *= static_cast<Value>(owner_.ranks_);
          }
        }
      };
      std::visit(multiply, work_.values);
    }

   private:
    RecordingCommunicator& owner_;
    RingWork work_;
  };

  int ranks_;
};

}  // namespace lambert
