// SPDX-License-Identifier: Apache-2.0
// Streams and events of the stand-in for CUDA: a stream is a thread with a queue, so whoever
// forgets to wait for an event reads values that are not there yet.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace lambert::stand_in {

/// Something that happens once.
class Completion {
 public:
  void finish();
  void wait();
  bool is_finished() const { return is_finished_.load(std::memory_order_acquire); }

 private:
  std::atomic<bool> is_finished_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
};

class Stream {
 public:
  Stream();
  /// Waits for the queue.
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  void put(std::function<void()> operation);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

/// What the event was last recorded for; null: never recorded.
struct Event {
  std::shared_ptr<Completion> recorded;
};

/// A stream handle of the interface; null is the default stream, which never ends.
Stream& stream_of(void* handle);

/// Streams, events, memory blocks, registrations and communicators that were made and not given
/// back.
std::atomic<int>& open_objects();

}  // namespace lambert::stand_in
