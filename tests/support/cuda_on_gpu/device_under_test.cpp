// SPDX-License-Identifier: Apache-2.0
#include "support/device_under_test.h"

#include <cstddef>
#include <span>
#include <variant>
#include <vector>

#include <cuda_runtime_api.h>

#include "ops/device.h"
#include "support/cuda_on_gpu/device_memory.h"

namespace lambert::testing {
namespace {

/// A stream that waits for the work's values.
cudaStream_t start_behind(const DeviceStream& producer) {
  cudaStream_t stream = nullptr;
  expect_success(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  auto* const mark = static_cast<cudaEvent_t>(producer.mark);
  if (mark != nullptr) {
    expect_success(cudaStreamWaitEvent(stream, mark, 0));
  } else {
    expect_success(cudaStreamSynchronize(static_cast<cudaStream_t>(producer.handle)));
  }
  return stream;
}

}  // namespace

at::Device device_under_test() {
  thread_local const at::Device device = [] {
    const at::Device first(at::kCUDA, 0);
    use_device(first);
    return first;
  }();
  return device;
}

void reduce_in_host_memory(const RingWork& work,
                           const std::function<void(const RingWork&)>& reduce) {
  cudaStream_t const stream = start_behind(work.producer.value());
  std::visit(
      [&](auto values) {
        using Value = typename decltype(values)::value_type;
        std::vector<Value> copy(values.size());
        expect_success(cudaMemcpyAsync(copy.data(), values.data(), values.size_bytes(),
                                       cudaMemcpyDeviceToHost, stream));
        expect_success(cudaStreamSynchronize(stream));
        RingWork on_host = work;
        on_host.values = std::span<Value>(copy);
        reduce(on_host);
        expect_success(cudaMemcpyAsync(values.data(), copy.data(), values.size_bytes(),
                                       cudaMemcpyHostToDevice, stream));
        expect_success(cudaStreamSynchronize(stream));
      },
      work.values);
  expect_success(cudaStreamDestroy(stream));
}

}  // namespace lambert::testing
