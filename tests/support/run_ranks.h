// SPDX-License-Identifier: Apache-2.0
// Ranks as threads of one process: the ring and everything above it run under a debugger or TSan
// without a launcher.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "comm/communicator.h"
#include "comm/hierarchical_all_reduce.h"
#include "comm/machines.h"
#include "comm/reduction_queue.h"
#include "comm/ring_all_reduce.h"

namespace lambert::testing {

using Bytes = std::vector<std::byte>;

/// What the ranks of a group share: a message queue into each rank and a meeting point for all.
class RankGroup {
 public:
  RankGroup(int size, double timeout_seconds)
      : timeout_(timeout_seconds),
        queues_(static_cast<std::size_t>(size)),
        deposits_(static_cast<std::size_t>(size)) {}

  int size() const { return static_cast<int>(queues_.size()); }

  void send(int to, std::span<const std::byte> message) {
    const std::lock_guard lock(mutex_);
    queues_.at(static_cast<std::size_t>(to)).emplace_back(message.begin(), message.end());
    changed_.notify_all();
  }

  Bytes receive(int at, const std::string& what, const std::atomic<bool>& abandoned) {
    std::unique_lock lock(mutex_);
    auto& queue = queues_.at(static_cast<std::size_t>(at));
    wait(lock, what, abandoned, [&queue] { return !queue.empty(); });
    Bytes message = std::move(queue.front());
    queue.pop_front();
    return message;
  }

  /// Every rank's deposit, in rank order; returns when all have come.
  std::vector<Bytes> meet(int rank, Bytes deposit, const std::string& what,
                          const std::atomic<bool>& abandoned) {
    std::unique_lock lock(mutex_);
    // The results of the last meeting must have been fetched by everyone before the next one fills
    // them.
    wait(lock, what, abandoned, [this] { return leaving_ == 0; });
    deposits_.at(static_cast<std::size_t>(rank)) = std::move(deposit);
    const auto meeting = meeting_;
    if (++arrived_ == size()) {
      arrived_ = 0;
      leaving_ = size();
      ++meeting_;
      changed_.notify_all();
    }
    wait(lock, what, abandoned, [this, meeting] { return meeting_ != meeting; });
    std::vector<Bytes> result = deposits_;
    if (--leaving_ == 0) {
      changed_.notify_all();
    }
    return result;
  }

 private:
  template <class Ready>
  void wait(std::unique_lock<std::mutex>& lock, const std::string& what,
            const std::atomic<bool>& abandoned, const Ready& ready) {
    const auto deadline = std::chrono::steady_clock::now() + timeout_;
    while (!ready()) {
      if (abandoned) {
        throw CommError(what + ": given up");
      }
      if (std::chrono::steady_clock::now() > deadline) {
        throw CommError(what + ": no answer within the deadline");
      }
      changed_.wait_for(lock, std::chrono::milliseconds(20));
    }
  }

  const std::chrono::duration<double> timeout_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::deque<Bytes>> queues_;  // by receiving rank
  std::vector<Bytes> deposits_;            // by rank
  int arrived_ = 0;
  int leaving_ = 0;
  std::uint64_t meeting_ = 0;
};

/// The ring's link between threads. Keeps messages in memory of its own or in the receiver's, as
/// asked, so that the ring is tested with both.
class ThreadLink final : public Link {
 public:
  ThreadLink(RankGroup& group, int rank, const std::atomic<bool>& abandoned, bool own_memory)
      : group_(group), rank_(rank), abandoned_(abandoned), own_memory_(own_memory) {}
  int rank() const override { return rank_; }
  int size() const override { return group_.size(); }
  void begin(const CollectiveId& id) override { name_ = id.name; }
  void start_send_right(std::size_t /*slot*/, std::span<const std::byte> bytes) override {
    group_.send((rank_ + 1) % size(), bytes);
  }
  void start_receive_left(std::size_t slot, std::span<std::byte> memory) override {
    memory_.at(slot) = memory;
  }
  void finish_send(std::size_t /*slot*/) override {}
  std::span<const std::byte> finish_receive(std::size_t slot) override {
    message_ = group_.receive(rank_, "reduction '" + name_ + "'", abandoned_);
    const std::span<std::byte> memory = memory_.at(slot);
    LAMBERT_CHECK(message_.size() == memory.size(), "message of another size than expected");
    if (own_memory_) {
      return message_;
    }
    std::copy(message_.begin(), message_.end(), memory.begin());
    return memory;
  }
  void release_receive(std::size_t /*slot*/) override { message_.clear(); }

 private:
  RankGroup& group_;
  int rank_;
  const std::atomic<bool>& abandoned_;
  bool own_memory_;
  std::string name_;
  Bytes message_;
  std::array<std::span<std::byte>, kSlots> memory_;
};

struct RankOptions {
  double timeout_seconds = 20.0;
  WireType wire_type = WireType::float32;
  std::size_t segment_bytes = 4096;  // small, so that small tests have many segments
  bool link_keeps_messages = false;
  std::vector<int> machines = {};  // by rank; not empty: sums machine by machine
  /// Runs the ring on values in a device's memory (device_under_test.h); none: the host reads them.
  std::function<void(const RingWork&, const std::function<void(const RingWork&)>&)> on_device = {};
};

/// The groups of a hierarchical ring: one for each machine and one for each place.
struct MachineGroups {
  Machines machines;
  std::vector<std::unique_ptr<RankGroup>> inside;
  std::vector<std::unique_ptr<RankGroup>> lanes;

  MachineGroups(const std::vector<int>& labels, double timeout_seconds)
      : machines(number_machines(labels)) {
    const std::size_t places = labels.empty() ? 0 : machines.ranks_of(0).size();
    for (int machine = 0; machine < machines.count(); ++machine) {
      inside.push_back(std::make_unique<RankGroup>(static_cast<int>(places), timeout_seconds));
    }
    for (std::size_t place = 0; place < places; ++place) {
      lanes.push_back(std::make_unique<RankGroup>(machines.count(), timeout_seconds));
    }
  }
};

/// One rank's two rings.
class ThreadHierarchy {
 public:
  ThreadHierarchy(MachineGroups& groups, int rank, const RankOptions& options,
                  const std::atomic<bool>& abandoned)
      : machine_(groups.machines.machine_of.at(static_cast<std::size_t>(rank))),
        place_(place_of(groups.machines, machine_, rank)),
        inside_link_(*groups.inside.at(static_cast<std::size_t>(machine_)), place_, abandoned,
                     options.link_keeps_messages),
        lane_link_(*groups.lanes.at(static_cast<std::size_t>(place_)), machine_, abandoned,
                   options.link_keeps_messages),
        inside_(inside_link_, WireType::float32, options.segment_bytes),
        lane_(lane_link_, options.wire_type, options.segment_bytes),
        sums_(inside_, lane_, groups.machines, rank) {}
  void run(const RingWork& work, const CollectiveId& id) { sums_.run(work, id); }

 private:
  static int place_of(const Machines& machines, int machine, int rank) {
    const std::vector<int> here = machines.ranks_of(machine);
    return static_cast<int>(std::find(here.begin(), here.end(), rank) - here.begin());
  }

  int machine_;
  int place_;
  ThreadLink inside_link_;
  ThreadLink lane_link_;
  RingAllReduce inside_;
  RingAllReduce lane_;
  HierarchicalAllReduce sums_;
};

/// A communicator between threads, with the ring and the reduction thread of the real one.
class ThreadCommunicator final : public Communicator {
 public:
  ThreadCommunicator(RankGroup& group, MachineGroups& machines, int rank,
                     const RankOptions& options)
      : group_(group),
        rank_(rank),
        link_(group, rank, abandoned_, options.link_keeps_messages),
        ring_(link_, options.wire_type, options.segment_bytes),
        hierarchy_(options.machines.empty()
                       ? nullptr
                       : std::make_unique<ThreadHierarchy>(machines, rank, options, abandoned_)),
        on_device_(options.on_device),
        queue_([this](const RingWork& work, const CollectiveId& id) { reduce(work, id); },
               abandoned_) {}

  int rank() const override { return rank_; }
  int size() const override { return group_.size(); }
  int local_size() const override { return group_.size(); }
  std::string host_of(int /*rank*/) const override { return "thread"; }
  void barrier() override { group_.meet(rank_, {}, "barrier", abandoned_); }
  void broadcast(std::span<std::byte> bytes, int root) override {
    const auto all = group_.meet(rank_, {bytes.begin(), bytes.end()}, "broadcast", abandoned_);
    const Bytes& from_root = all.at(static_cast<std::size_t>(root));
    std::copy(from_root.begin(), from_root.end(), bytes.begin());
  }
  void all_reduce_sum(std::span<double> values) override {
    combine(values, [](double left, double right) { return left + right; });
  }
  void all_reduce_max(std::span<double> values) override {
    combine(values, [](double left, double right) { return std::max(left, right); });
  }
  std::vector<Bytes> all_gather(std::span<const std::byte> bytes) override {
    return group_.meet(rank_, {bytes.begin(), bytes.end()}, "all_gather", abandoned_);
  }
  std::unique_ptr<PendingCollective> start(RingWork work) override {
    return queue_.start(std::move(work));
  }

 private:
  void reduce(const RingWork& work, const CollectiveId& id) {
    const auto reduce_on_host = [&](const RingWork& readable) {
      if (hierarchy_) {
        hierarchy_->run(readable, id);
      } else {
        ring_.run(readable, id);
      }
    };
    if (work.producer && on_device_) {
      on_device_(work, reduce_on_host);
    } else {
      reduce_on_host(work);
    }
  }

  template <class Operation>
  void combine(std::span<double> values, const Operation& operation) {
    const auto own = std::as_bytes(values);
    const auto all = group_.meet(rank_, {own.begin(), own.end()}, "all_reduce", abandoned_);
    for (std::size_t i = 0; i < values.size(); ++i) {
      for (std::size_t rank = 0; rank < all.size(); ++rank) {
        double value = 0.0;
        std::memcpy(&value, all[rank].data() + i * sizeof(double), sizeof(double));
        values[i] = rank == 0 ? value : operation(values[i], value);
      }
    }
  }

  RankGroup& group_;
  int rank_;
  std::atomic<bool> abandoned_ = false;
  ThreadLink link_;
  RingAllReduce ring_;
  std::unique_ptr<ThreadHierarchy> hierarchy_;
  decltype(RankOptions::on_device) on_device_;
  ReductionQueue queue_;
};

/// Runs body once per rank, each on a thread; rethrows the exception of the lowest rank that threw.
inline void run_ranks(int count, const std::function<void(Communicator&)>& body,
                      const RankOptions& options = {}) {
  RankGroup group(count, options.timeout_seconds);
  MachineGroups machines(options.machines, options.timeout_seconds);
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(count));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < count; ++rank) {
    threads.emplace_back([&group, &machines, &errors, &body, &options, rank] {
      try {
        ThreadCommunicator communicator(group, machines, rank, options);
        body(communicator);
      } catch (...) {
        errors.at(static_cast<std::size_t>(rank)) = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const std::exception_ptr& error : errors) {
    if (error) {
      std::rethrow_exception(error);
    }
  }
}

}  // namespace lambert::testing
