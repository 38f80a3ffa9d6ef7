// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "comm/device_api.h"
#include "comm/exit_timer.h"
#include "comm/link.h"
#include "comm/peer_monitor.h"

namespace lambert {

// The story of the work that does not end
// ---------------------------------------
// NCCL has no deadlines. A collective whose partner is gone stays on the stream for ever, a call
// may not return, and even ncclCommAbort, the way out, has been seen to hang. So:
//   1. A WATCH, a thread of its own, looks every kLookSeconds at the oldest work on the stream, or
//      at the call that is being made: has NCCL reported an asynchronous error, has another rank
//      published a verdict (the story in peer_monitor.h), has the deadline passed? At the deadline
//      it asks the other ranks, so that the message names who is late.
//   2. What it found becomes the FAILURE. Every wait ends with it as a CommError.
//   3. The watch tells the other ranks and aborts the communicator, which frees a call that is
//      stuck in NCCL.
//   4. From the failure on a plain timer runs: if the process has not ended after kEndSeconds,
//      because the abort or anything else hangs, the timer ends it with code 6 and the failure as
//      its message.
// NCCL does not say which collective an asynchronous error belongs to: the message names the oldest
// work that was not believed to be done. What is on the stream may look finished after an abort or
// an error of its own, so a wait believes an event only if there is no failure and NCCL, asked
// again, has no error.

/// Watches the work of one NCCL communicator. Calls and waits come from one thread.
class NcclWatch {
 public:
  static constexpr double kLookSeconds = 0.005;
  static constexpr double kEndSeconds = 8.0;
  /// How long a rank on its way out waits for the abort. This, the 1.5 s in which the first failing
  /// rank may speak, and the 3 s of abort_job are less than kEndSeconds.
  static constexpr double kAbortSeconds = 3.0;

  /// Work on the stream: done when its event is.
  struct Work {
    CollectiveId id;
    CudaEvent done = nullptr;
  };

  /// device: CUDA's number of this rank's device.
  NcclWatch(std::shared_ptr<const DeviceApi> api, NcclComm comm, int device, PeerMonitor& monitor,
            int rank, double timeout_seconds);
  ~NcclWatch();
  NcclWatch(const NcclWatch&) = delete;
  NcclWatch& operator=(const NcclWatch&) = delete;

  /// Makes calls that put work on the stream, under the deadline. Throws the failure, and what
  /// calls throws, which then is the failure.
  void call(const CollectiveId& id, const std::function<void()>& calls);
  /// The work is on the stream.
  void add(const Work& work);
  /// Blocks until the work is done. Throws CommError; DeviceError when CUDA fails.
  void wait(const Work& work);
  /// This rank ends without the work: nothing may touch its memory any more.
  void give_up(const std::string& reason);
  bool has_failed() const;

 private:
  struct State;
  static void run(const std::shared_ptr<State>& state);
  static void abort_communicator(State& state);
  static std::string find_trouble(State& state, const CollectiveId& id, double waited_seconds);
  static std::string reported_error(const State& state, const CollectiveId& id);
  static void drop_finished(State& state);
  static void fail(State& state, const std::string& text, bool ends_process);

  std::shared_ptr<State> state_;  // shared with the thread, which may hang in an abort for ever
  bool has_given_up_ = false;
  std::thread thread_;
};

}  // namespace lambert
