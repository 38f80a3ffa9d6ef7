// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include <ATen/core/Tensor.h>

#include "comm/communicator.h"
#include "ops/device.h"

namespace lambert {

/// RingWork::producer for a tensor that the calling thread's work is computing, up to the mark if
/// there is one.
inline std::optional<DeviceStream> producer_of(const at::Tensor& tensor, void* mark = nullptr) {
  return tensor.is_cpu() ? std::nullopt
                         : std::optional(DeviceStream{current_stream(tensor.device()), mark});
}

}  // namespace lambert
