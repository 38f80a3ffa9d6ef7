// SPDX-License-Identifier: Apache-2.0
// Devices as LibTorch knows them. Nothing here names CUDA's libraries: whatever device LibTorch was
// linked with registers itself, so these floors are compiled once for every build.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace lambert {

/// Whether LibTorch was linked with devices of this type.
bool is_built_for(at::DeviceType type);

/// Devices of this type that the process can use; 0 when LibTorch was linked without them or the
/// machine has none.
int device_count(at::DeviceType type);

/// Makes `device` the calling thread's, with a stream of LibTorch's pool: work on CUDA's default
/// stream cannot be recorded. Throws DeviceError.
void use_device(const at::Device& device);

/// The stream on which LibTorch puts the calling thread's work on `device`, which is not the CPU: a
/// cudaStream_t.
void* current_stream(const at::Device& device);

/// Returns when everything that was put on the device is done. Nothing to do for the CPU.
void wait_for_device(const at::Device& device);

/// Bytes filled at most so far where the model lies: of the CPU's memory by the process, of a
/// device's by LibTorch's tensors (0 where its allocator does not count).
double peak_memory_bytes(const at::Device& device);

/// The tensor in the device's memory; itself for the CPU, undefined stays so. Does not wait for the
/// copy: it goes through pinned memory, and work that is put on the device later sees it.
at::Tensor to_device(const at::Tensor& host, const at::Device& device);

/// The same into memory that is there: target has the shape and the type of host.
void copy_to_device(const at::Tensor& host, const at::Tensor& target);

/// Starts the generator of LibTorch's own random operations on a device, which is not the CPU.
void seed_generator(const at::Device& device, std::uint64_t seed);

}  // namespace lambert
