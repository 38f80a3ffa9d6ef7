// SPDX-License-Identifier: Apache-2.0
#include "data/prefetcher.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/error.h"

namespace lambert {

struct Prefetcher::State {
  static constexpr std::size_t kQueueCapacity = 2;

  BatchStream stream;
  std::int64_t first_step;
  std::int64_t end_step;
  double last_wait_seconds = 0.0;

  std::mutex mutex;
  std::condition_variable_any changed;
  std::deque<StepBatch> queue;  // guarded by mutex
  std::exception_ptr failure;   // guarded by mutex
  bool is_finished = false;     // guarded by mutex
  std::jthread reader;          // last: stops and joins before the rest goes

  State(BatchStream stream_in, std::int64_t first, std::int64_t end)
      : stream(std::move(stream_in)), first_step(first), end_step(end) {}

  void read_steps(const std::stop_token& stop) {
    for (std::int64_t step = first_step; step < end_step; ++step) {
      if (!wait_for_room(stop)) {
        return;
      }
      StepBatch batch = stream.read_step(step);
      const std::scoped_lock lock(mutex);
      queue.push_back(std::move(batch));
      changed.notify_all();
    }
  }

  /// False when the owner does not want more.
  bool wait_for_room(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    return changed.wait(lock, stop, [this] { return queue.size() < kQueueCapacity; }) &&
           !stop.stop_requested();
  }

  void run(const std::stop_token& stop) {
    std::exception_ptr caught;
    try {
      read_steps(stop);
    } catch (...) {  // handed to the owner in next()
      caught = std::current_exception();
    }
    const std::scoped_lock lock(mutex);
    failure = caught;
    is_finished = true;
    changed.notify_all();
  }
};

Prefetcher::Prefetcher(BatchStream stream, std::int64_t first_step, std::int64_t end_step)
    : state_(std::make_unique<State>(std::move(stream), first_step, end_step)) {
  state_->reader =
      std::jthread([state = state_.get()](const std::stop_token& stop) { state->run(stop); });
}

Prefetcher::~Prefetcher() = default;

StepBatch Prefetcher::next() {
  const Stopwatch waited;
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [this] { return !state_->queue.empty() || state_->is_finished; });
  state_->last_wait_seconds = waited.seconds();
  if (state_->queue.empty()) {
    if (state_->failure) {
      std::rethrow_exception(state_->failure);
    }
    throw InternalError("reading batches: asked for a step after the last one of the phase");
  }
  StepBatch batch = std::move(state_->queue.front());
  state_->queue.pop_front();
  state_->changed.notify_all();
  return batch;
}

double Prefetcher::last_wait_seconds() const {
  return state_->last_wait_seconds;
}

}  // namespace lambert
