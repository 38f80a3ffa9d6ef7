// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>

#include "comm/communicator.h"
#include "comm/link.h"

namespace lambert {

/// Runs the ring's work one after the other on a thread of its own while the caller computes. With
/// nothing to do the thread sleeps on a condition variable. After the first error all later work
/// fails with it.
class ReductionQueue {
 public:
  using Reduce = std::function<void(const RingWork& work, const CollectiveId& id)>;

  /// reduce: blocks until done, throws CommError; must end soon once `abandoned` is true.
  ReductionQueue(Reduce reduce, std::atomic<bool>& abandoned);
  /// Gives up what is not finished.
  ~ReductionQueue();
  ReductionQueue(const ReductionQueue&) = delete;
  ReductionQueue& operator=(const ReductionQueue&) = delete;

  std::unique_ptr<PendingCollective> start(RingWork work);

 private:
  struct Job {
    RingWork work;
    CollectiveId id;
    bool done = false;
    std::string failure;  // empty: none
  };
  class Pending;

  void run();
  std::string reduce_or_explain(const Job& job);
  void wait(Job& job);
  void abandon(Job& job);

  const Reduce reduce_;
  std::atomic<bool>& abandoned_;
  std::mutex mutex_;  // guards everything below
  std::condition_variable work_;
  std::condition_variable finished_;
  std::deque<std::shared_ptr<Job>> jobs_;
  std::uint64_t started_count_ = 0;
  std::string failure_;  // of the first work that failed
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace lambert
