// SPDX-License-Identifier: Apache-2.0
#include "support/nccl_stand_in/stream.h"

#include <cstddef>
#include <cstring>
#include <utility>

namespace lambert::stand_in {

void Completion::finish() {
  const std::lock_guard lock(mutex_);
  is_finished_.store(true, std::memory_order_release);
  changed_.notify_all();
}

void Completion::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return is_finished(); });
}

Stream::Stream() : thread_([this] { run(); }) {}

Stream::~Stream() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Stream::put(std::function<void()> operation) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(operation));
  }
  changed_.notify_one();
}

void Stream::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) {
      return;
    }
    const std::function<void()> operation = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    operation();
    lock.lock();
  }
}

Stream& stream_of(void* handle) {
  // Its thread may be stuck in a collective when the process ends, so it is never joined.
  static auto* const default_stream = new Stream();
  return handle == nullptr ? *default_stream : *static_cast<Stream*>(handle);
}

std::atomic<int>& open_objects() {
  static std::atomic<int> count = 0;
  return count;
}

}  // namespace lambert::stand_in

// The calls of the CUDA runtime, as its header declares them; "device" memory is host memory.

using lambert::stand_in::Completion;
using lambert::stand_in::Event;
using lambert::stand_in::open_objects;
using lambert::stand_in::Stream;
using lambert::stand_in::stream_of;

namespace {

constexpr int kSuccess = 0;
constexpr int kInvalidValue = 1;
constexpr int kNotReady = 600;

}  // namespace

extern "C" {

int cudaSetDevice(int device) {
  return device < 0 ? kInvalidValue : kSuccess;
}

int cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0;
  *greatest = -5;
  return kSuccess;
}

int cudaStreamCreateWithPriority(void** stream, unsigned /*flags*/, int /*priority*/) {
  *stream = new Stream();
  ++open_objects();
  return kSuccess;
}

int cudaStreamDestroy(void* stream) {
  delete static_cast<Stream*>(stream);
  --open_objects();
  return kSuccess;
}

int cudaStreamWaitEvent(void* stream, void* event, unsigned /*flags*/) {
  const std::shared_ptr<Completion> recorded = static_cast<Event*>(event)->recorded;
  if (recorded) {
    stream_of(stream).put([recorded] { recorded->wait(); });
  }
  return kSuccess;
}

int cudaEventCreateWithFlags(void** event, unsigned /*flags*/) {
  *event = new Event();
  ++open_objects();
  return kSuccess;
}

int cudaEventDestroy(void* event) {
  delete static_cast<Event*>(event);
  --open_objects();
  return kSuccess;
}

int cudaEventRecord(void* event, void* stream) {
  auto completion = std::make_shared<Completion>();
  std::atomic_store(&static_cast<Event*>(event)->recorded, completion);
  stream_of(stream).put([completion] { completion->finish(); });
  return kSuccess;
}

int cudaEventQuery(void* event) {
  const auto recorded = std::atomic_load(&static_cast<Event*>(event)->recorded);
  return recorded && !recorded->is_finished() ? kNotReady : kSuccess;
}

int cudaMemcpyAsync(void* target, const void* source, std::size_t bytes, int /*kind*/,
                    void* stream) {
  stream_of(stream).put([=] { std::memmove(target, source, bytes); });
  return kSuccess;
}

int cudaLaunchHostFunc(void* stream, void (*function)(void*), void* argument) {
  stream_of(stream).put([=] { function(argument); });
  return kSuccess;
}

const char* cudaGetErrorString(int result) {
  return result == kSuccess ? "no error" : "error of the stand-in for CUDA";
}

/// Not CUDA's: see open_objects.
int stand_in_open_objects() {
  return open_objects();
}

}  // extern "C"
