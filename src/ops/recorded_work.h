// SPDX-License-Identifier: Apache-2.0
// Work of a device that is put on it once and then runs as often as wanted, as a CUDA graph: the
// host starts it by one call. Which form a program has is chosen by linking:
// recorded_work_cuda.cpp, or recorded_work_unavailable.cpp for a build without CUDA.
#pragma once

#include <functional>
#include <memory>

#include <ATen/core/Tensor.h>

namespace lambert {

class RecordedWork {
 public:
  virtual ~RecordedWork() = default;
  /// Puts all of the work on the calling thread's stream. It reads and writes the memory that it
  /// had when it was recorded, and LibTorch's generator goes on from where it is.
  virtual void replay() = 0;
};

/// Records what work() puts on the calling thread's stream, which is not CUDA's default one;
/// nothing of it runs. work must wait for nothing, and must have run before, so that all that is
/// found by measuring is known. The tensors that it makes and drops lie in memory that all recorded
/// work of the thread shares: only what was made before, and is written to, keeps results. Throws
/// DeviceError.
std::unique_ptr<RecordedWork> record_work(const at::Device& device,
                                          const std::function<void()>& work);

/// A place in a device's work that another stream can wait for.
class DeviceMark {
 public:
  DeviceMark();
  /// Behind what is on the calling thread's stream; in work that is being recorded, behind what was
  /// recorded, anew with every replay.
  void place(const at::Device& device);
  /// A cudaEvent_t.
  void* event() const { return event_.get(); }

 private:
  std::shared_ptr<void> event_;
};

}  // namespace lambert
