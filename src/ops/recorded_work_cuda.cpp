// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include <ATen/Context.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include "base/error.h"
#include "ops/recorded_work.h"

namespace lambert {
namespace {

void check_runtime(cudaError_t status, const char* doing) {
  if (status != cudaSuccess) {
    throw DeviceError(std::string("CUDA: ") + doing + ": " + cudaGetErrorString(status) +
                      "; set cuda_graphs: false to do without recorded work");
  }
}

[[noreturn]] void refuse(const char* doing, const c10::Error& error) {
  throw DeviceError(std::string(doing) +
                    " a CUDA graph: LibTorch reports: " + error.what_without_backtrace() +
                    "; set cuda_graphs: false to do without recorded work");
}

using Pool = std::shared_ptr<const at::cuda::MempoolId_t>;

/// Memory for all recorded works of the calling thread: they run one after the other, and none
/// reads what another has left. LibTorch takes nothing more into a pool whose last work is gone.
Pool shared_memory() {
  thread_local std::weak_ptr<const at::cuda::MempoolId_t> current;
  Pool pool = current.lock();
  if (pool == nullptr) {
    pool = std::make_shared<const at::cuda::MempoolId_t>(at::cuda::graph_pool_handle());
    current = pool;
  }
  return pool;
}

class Graph final : public RecordedWork {
 public:
  Graph(const at::Device& device, const std::function<void()>& work) {
    graph_.register_generator_state(at::globalContext().defaultGenerator(device));
    // Other threads may ask for the state of their events meanwhile.
    graph_.capture_begin(*pool_, cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      end_after_failure();
      throw;
    }
    graph_.capture_end();
  }

  void replay() override {
    try {
      graph_.replay();
    } catch (const c10::Error& error) {
      refuse("running", error);
    }
  }

 private:
  /// The stream must leave its capture; that the capture is broken is known.
  void end_after_failure() noexcept {
    try {
      graph_.capture_end();
    } catch (const c10::Error&) {
      cudaGetLastError();  // forgets it
    }
  }

  Pool pool_ = shared_memory();
  at::cuda::CUDAGraph graph_;
};

}  // namespace

std::unique_ptr<RecordedWork> record_work(const at::Device& device,
                                          const std::function<void()>& work) {
  try {
    return std::make_unique<Graph>(device, work);
  } catch (const c10::Error& error) {
    refuse("recording", error);
  }
}

DeviceMark::DeviceMark() {
  cudaEvent_t event = nullptr;
  check_runtime(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "creating an event");
  event_ = std::shared_ptr<void>(
      event, [](void* made) { cudaEventDestroy(static_cast<cudaEvent_t>(made)); });
}

void DeviceMark::place(const at::Device& device) {
  // External: a node of the graph, so that streams outside of it can wait for it.
  const cudaStream_t stream = c10::cuda::getCurrentCUDAStream(device.index());
  check_runtime(
      cudaEventRecordWithFlags(static_cast<cudaEvent_t>(event()), stream, cudaEventRecordExternal),
      "placing a mark");
}

}  // namespace lambert
