// SPDX-License-Identifier: Apache-2.0
// Work on the "device memory" of the stand-in for CUDA: values are produced late, on a stream, so
// that whoever starts too early sums garbage.
#pragma once

#include <chrono>
#include <cstring>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <dlfcn.h>

#include "comm/comm_device.h"
#include "comm/communicator.h"
#include "comm/wire_format.h"

namespace lambert::testing {

/// A call of the stand-in that the communicator does not use.
template <class Function>
Function* find_in_stand_in(const char* name) {
  void* library = dlopen(LAMBERT_NCCL_STAND_IN, RTLD_NOW | RTLD_LOCAL);
  void* address = library == nullptr ? nullptr : dlsym(library, name);
  if (address == nullptr) {
    throw std::runtime_error(std::string("the stand-in has no ") + name);
  }
  return reinterpret_cast<Function*>(address);
}

/// Puts a function of the host on a stream, as a kernel would be.
inline void launch(CudaStreamHandle stream, std::function<void()> work) {
  static auto* const launch_host =
      find_in_stand_in<int(CudaStreamHandle, void (*)(void*), void*)>("cudaLaunchHostFunc");
  auto owned = std::make_unique<std::function<void()>>(std::move(work));
  launch_host(
      stream,
      [](void* argument) {
        const std::unique_ptr<std::function<void()>> taken(
            static_cast<std::function<void()>*>(argument));
        (*taken)();
      },
      owned.release());
}

/// Returns when the stream has done what is on it.
inline void drain(CudaStreamHandle stream) {
  std::promise<void> done;
  launch(stream, [&done] { done.set_value(); });
  done.get_future().wait();
}

/// An event of the stand-in.
class StandInEvent {
 public:
  StandInEvent() {
    find_in_stand_in<int(CudaEvent*, unsigned)>("cudaEventCreateWithFlags")(&handle_, 0);
  }
  ~StandInEvent() { find_in_stand_in<int(CudaEvent)>("cudaEventDestroy")(handle_); }
  StandInEvent(const StandInEvent&) = delete;
  StandInEvent& operator=(const StandInEvent&) = delete;

  void record(CudaStreamHandle stream) const {
    find_in_stand_in<int(CudaEvent, CudaStreamHandle)>("cudaEventRecord")(handle_, stream);
  }
  CudaEvent handle() const { return handle_; }

 private:
  CudaEvent handle_ = nullptr;
};

/// The stand-in as a device, with casts on its streams.
inline CommDevice stand_in_device() {
  CommDevice device;
  device.is_cuda = true;
  device.libraries = {LAMBERT_NCCL_STAND_IN, LAMBERT_NCCL_STAND_IN};
  device.casts.encode_bfloat16 = [](const float* values, std::uint16_t* encoded, std::size_t count,
                                    CudaStreamHandle stream) {
    launch(stream, [=] { encode_bfloat16(values, encoded, count); });
  };
  device.casts.decode_bfloat16 = [](const std::uint16_t* encoded, float* values, std::size_t count,
                                    CudaStreamHandle stream) {
    launch(stream, [=] { decode_bfloat16(encoded, values, count); });
  };
  return device;
}

/// Passes everything on; work becomes work of device memory that the default stream produces a
/// moment after the start.
class DeviceWorkCommunicator final : public Communicator {
 public:
  explicit DeviceWorkCommunicator(Communicator& inner) : inner_(inner) {}
  int rank() const override { return inner_.rank(); }
  int size() const override { return inner_.size(); }
  int local_size() const override { return inner_.local_size(); }
  std::string host_of(int rank) const override { return inner_.host_of(rank); }
  void barrier() override { inner_.barrier(); }
  void broadcast(std::span<std::byte> bytes, int root) override { inner_.broadcast(bytes, root); }
  void all_reduce_sum(std::span<double> values) override { inner_.all_reduce_sum(values); }
  void all_reduce_max(std::span<double> values) override { inner_.all_reduce_max(values); }
  std::vector<std::vector<std::byte>> all_gather(std::span<const std::byte> bytes) override {
    return inner_.all_gather(bytes);
  }
  std::unique_ptr<PendingCollective> start(RingWork work) override {
    const std::span<std::byte> memory = std::visit(
        [](auto values) { return std::span(std::as_writable_bytes(values)); }, work.values);
    std::vector<std::byte> values(memory.begin(), memory.end());
    std::fill(memory.begin(), memory.end(), std::byte{0x3B});
    launch(nullptr, [memory, values = std::move(values)] {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      std::copy(values.begin(), values.end(), memory.begin());
    });
    work.producer = DeviceStream{};
    try {
      return inner_.start(std::move(work));
    } catch (...) {
      drain(nullptr);  // the caller's memory may go now
      throw;
    }
  }

 private:
  Communicator& inner_;
};

}  // namespace lambert::testing
