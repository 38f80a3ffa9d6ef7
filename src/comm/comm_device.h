// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "comm/device_api.h"

namespace lambert {

/// Casts in device memory, put on a stream: kernels, from whoever makes the communicator (comm does
/// not see kernels). Rounding as in wire_format.h.
struct DeviceCasts {
  /// fp32 (count) -> bf16 bits (count).
  void (*encode_bfloat16)(const float* values, std::uint16_t* encoded, std::size_t count,
                          CudaStreamHandle stream) = nullptr;
  /// bf16 bits (count) -> fp32 (count).
  void (*decode_bfloat16)(const std::uint16_t* encoded, float* values, std::size_t count,
                          CudaStreamHandle stream) = nullptr;
};

/// What a communicator of device memory needs; the default is a run on the CPU, which needs
/// nothing.
struct CommDevice {
  bool is_cuda = false;
  int index = 0;  // CUDA's number of this rank's device, usually launch_local_rank()
  DeviceCasts casts;
  DeviceLibraries libraries;
};

}  // namespace lambert
