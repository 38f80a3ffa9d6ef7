// SPDX-License-Identifier: Apache-2.0
#include "ops/device.h"

#include <string>

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "base/error.h"
#include "base/process_memory.h"

namespace lambert {

bool is_built_for(at::DeviceType type) {
  return c10::impl::hasDeviceGuardImpl(type);
}

int device_count(at::DeviceType type) {
  return is_built_for(type) ? c10::impl::VirtualGuardImpl(type).deviceCount() : 0;
}

void use_device(const at::Device& device) {
  try {
    const c10::impl::VirtualGuardImpl guard(device.type());
    guard.setDevice(device);
    guard.exchangeStream(guard.getStreamFromGlobalPool(device));
  } catch (const c10::Error& error) {
    throw DeviceError("choosing the device " + device.str() + ": LibTorch reports: " +
                      error.what_without_backtrace() + "; see the device's state with nvidia-smi");
  }
}

void* current_stream(const at::Device& device) {
  return c10::impl::VirtualGuardImpl(device.type()).getStream(device).native_handle();
}

void wait_for_device(const at::Device& device) {
  if (!device.is_cpu()) {
    c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index());
  }
}

double peak_memory_bytes(const at::Device& device) {
  if (device.is_cpu()) {
    return largest_resident_bytes();
  }
  auto* const allocator = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(device.type()));
  if (allocator == nullptr) {
    return 0.0;
  }
  constexpr auto kAll = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  return static_cast<double>(allocator->getDeviceStats(device.index()).allocated_bytes[kAll].peak);
}

namespace {

/// A copy from pinned memory does not hold up the host.
at::Tensor pinned_for(const at::Device& device, const at::Tensor& host) {
  return device.is_cuda() ? host.pin_memory() : host;
}

}  // namespace

at::Tensor to_device(const at::Tensor& host, const at::Device& device) {
  if (device.is_cpu() || !host.defined()) {
    return host;
  }
  return pinned_for(device, host).to(device, /*non_blocking=*/true);
}

void copy_to_device(const at::Tensor& host, const at::Tensor& target) {
  target.copy_(pinned_for(target.device(), host), /*non_blocking=*/true);
}

void seed_generator(const at::Device& device, std::uint64_t seed) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  generator.set_current_seed(seed);
}

}  // namespace lambert
