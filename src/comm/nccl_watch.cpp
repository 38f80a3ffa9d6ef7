// SPDX-License-Identifier: Apache-2.0
#include "comm/nccl_watch.h"

#include <chrono>
#include <exception>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace lambert {
namespace {

constexpr std::string_view kRemedy =
    "; the job ends: start it again to resume from the last checkpoint";

// As in mpi_wait.h: work that is nearly done is looked at eagerly, other work leaves the core to
// others.
constexpr int kEagerLooks = 200;
constexpr auto kSleep = std::chrono::microseconds(20);

std::string describe(const CollectiveId& id, int rank) {
  return "reduction '" + id.name + "' #" + std::to_string(id.sequence) + " on rank " +
         std::to_string(rank);
}

bool is_done(const DeviceApi& api, CudaEvent event, const std::string& name) {
  const int result = api.cuda.event_query(event);
  if (result != kCudaErrorNotReady) {
    check_cuda(api, result, "waiting for '" + name + "'");
  }
  return result == kCudaSuccess;
}

}  // namespace

struct NcclWatch::State {
  std::shared_ptr<const DeviceApi> api;
  NcclComm comm = nullptr;
  int device = 0;
  PeerMonitor* monitor = nullptr;
  int rank = 0;
  double timeout_seconds = 0.0;

  std::mutex mutex;  // guards everything below
  std::condition_variable wake;
  std::condition_variable ended;
  std::deque<Work> works;               // on the stream, oldest first
  std::optional<CollectiveId> calling;  // a call into NCCL is being made
  Stopwatch since;                      // the oldest work, or the call, is what is being waited for
  std::string failure;
  bool ends_process = false;
  bool stopping = false;
  bool has_ended = false;
  std::atomic<bool> has_failure = false;
  std::unique_ptr<ExitTimer> timer;  // from the failure to the end of the process
};

NcclWatch::NcclWatch(std::shared_ptr<const DeviceApi> api, NcclComm comm, int device,
                     PeerMonitor& monitor, int rank, double timeout_seconds)
    : state_(std::make_shared<State>()) {
  state_->api = std::move(api);
  state_->comm = comm;
  state_->device = device;
  state_->monitor = &monitor;
  state_->rank = rank;
  state_->timeout_seconds = timeout_seconds;
  thread_ = std::thread([state = state_] { run(state); });
}

NcclWatch::~NcclWatch() {
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  state_->wake.notify_one();
  const auto limit = std::chrono::duration<double>(has_given_up_ ? 0.0 : kAbortSeconds);
  const bool has_ended = state_->ended.wait_for(lock, limit, [this] { return state_->has_ended; });
  lock.unlock();
  if (has_ended) {
    thread_.join();
  } else {
    log_error("aborting NCCL: ncclCommAbort does not come back");
    thread_.detach();
  }
  if (state_->timer) {
    // The timer belongs to the process from here on, and goes only with it.
    static_cast<void>(std::make_unique<std::shared_ptr<State>>(state_).release());
  }
}

bool NcclWatch::has_failed() const {
  return state_->has_failure.load(std::memory_order_acquire);
}

/// The mutex is held. The first failure stays.
void NcclWatch::fail(State& state, const std::string& text, bool ends_process) {
  if (state.failure.empty()) {
    state.failure = text;
    state.ends_process = ends_process;
    state.has_failure.store(true, std::memory_order_release);
  }
  state.wake.notify_one();
}

void NcclWatch::call(const CollectiveId& id, const std::function<void()>& calls) {
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->failure.empty()) {
      throw CommError(state_->failure);
    }
    state_->calling = id;
    if (state_->works.empty()) {
      state_->since = Stopwatch();
    }
  }
  state_->wake.notify_one();
  std::exception_ptr error;
  std::string reason;
  try {
    calls();
  } catch (const std::exception& thrown) {
    error = std::current_exception();
    reason = thrown.what();
  }
  const std::lock_guard lock(state_->mutex);
  state_->calling.reset();
  if (!state_->failure.empty()) {
    throw CommError(state_->failure);  // a call that an abort has freed reports only the abort
  }
  if (error) {
    fail(*state_, reason, true);
    std::rethrow_exception(error);
  }
}

void NcclWatch::add(const Work& work) {
  const std::lock_guard lock(state_->mutex);
  if (state_->works.empty()) {
    state_->since = Stopwatch();
  }
  state_->works.push_back(work);
  state_->wake.notify_one();
}

void NcclWatch::wait(const Work& work) {
  const DeviceApi& api = *state_->api;
  for (int look = 0; !is_done(api, work.done, work.id.name) && !has_failed(); ++look) {
    if (look < kEagerLooks) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(kSleep);
    }
  }
  // An abort begins after the failure is set, so under the lock the communicator is still there.
  const std::lock_guard lock(state_->mutex);
  if (state_->failure.empty()) {
    const std::string error = reported_error(*state_, work.id);
    if (!error.empty()) {
      fail(*state_, error, true);
    }
  }
  if (!state_->failure.empty()) {
    throw CommError(state_->failure);
  }
  drop_finished(*state_);
}

void NcclWatch::give_up(const std::string& reason) {
  std::unique_lock lock(state_->mutex);
  has_given_up_ = true;
  fail(*state_, reason, false);
  const auto limit = std::chrono::duration<double>(kAbortSeconds);
  state_->ended.wait_for(lock, limit, [this] { return state_->has_ended; });
}

/// The mutex is held.
void NcclWatch::drop_finished(State& state) {
  while (!state.works.empty() &&
         state.api->cuda.event_query(state.works.front().done) != kCudaErrorNotReady) {
    state.works.pop_front();
    state.since = Stopwatch();
  }
}

void NcclWatch::run(const std::shared_ptr<State>& state) {
  // Otherwise this thread's first call would make a context, hundreds of megabytes, on device 0.
  state->api->cuda.set_device(state->device);
  std::unique_lock lock(state->mutex);
  const auto is_idle = [&state] { return state->works.empty() && !state->calling; };
  while (state->failure.empty() && !state->stopping) {
    if (is_idle()) {
      state->wake.wait(lock,
                       [&] { return !is_idle() || state->stopping || !state->failure.empty(); });
      continue;
    }
    const CollectiveId id =
        state->works.empty() ? state->calling.value_or(CollectiveId{}) : state->works.front().id;
    const double waited = state->since.seconds();
    lock.unlock();
    const std::string trouble = find_trouble(*state, id, waited);
    lock.lock();
    if (!trouble.empty()) {
      fail(*state, trouble, true);
      break;
    }
    drop_finished(*state);
    state->wake.wait_for(lock, std::chrono::duration<double>(kLookSeconds),
                         [&] { return state->stopping || !state->failure.empty(); });
  }
  if (!state->failure.empty()) {
    lock.unlock();
    abort_communicator(*state);
    lock.lock();
  }
  state->has_ended = true;
  state->ended.notify_all();
}

/// The asynchronous error of the communicator as a failure; empty: none.
std::string NcclWatch::reported_error(const State& state, const CollectiveId& id) {
  int error = kNcclSuccess;
  const int result = state.api->nccl.async_error(state.comm, &error);
  error = result == kNcclSuccess ? error : result;
  if (error == kNcclSuccess || error == kNcclInProgress) {
    return {};
  }
  return describe(id, state.rank) + ": NCCL reports: " + state.api->nccl.error_string(error) +
         " (code " + std::to_string(error) + ")" + std::string(kRemedy);
}

/// What is wrong with the oldest work or with the call that is being made; empty: nothing.
std::string NcclWatch::find_trouble(State& state, const CollectiveId& id, double waited_seconds) {
  std::string error = reported_error(state, id);
  if (!error.empty()) {
    return error;
  }
  try {
    state.monitor->throw_if_verdict(CollectiveKind::device_reduction, id);
    if (waited_seconds > state.timeout_seconds) {
      state.monitor->report_silence(CollectiveKind::device_reduction, id, waited_seconds);
    }
  } catch (const CommError& silence) {
    return silence.what();
  }
  return {};
}

void NcclWatch::abort_communicator(State& state) {
  std::string failure;
  {
    const std::lock_guard lock(state.mutex);
    failure = state.failure;
    if (state.ends_process) {
      state.timer = std::make_unique<ExitTimer>(
          kEndSeconds, static_cast<int>(ExitCode::communication), "ending after: " + failure);
    }
  }
  if (state.ends_process) {
    const std::string_view verdict(failure);
    const bool has_remedy = verdict.ends_with(kRemedy);  // those who are told add it
    state.monitor->publish(
        std::string(verdict.substr(0, verdict.size() - (has_remedy ? kRemedy.size() : 0))));
  }
  state.api->nccl.abort(state.comm);
}

}  // namespace lambert
