// SPDX-License-Identifier: Apache-2.0
#include "ops/run_kernel.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include "ops/tensor_views.h"

namespace lambert {

StreamWithScratch::StreamWithScratch(const at::Device& device, std::int64_t scratch_bytes)
    : scratch_(scratch_bytes == 0
                   ? at::Tensor()
                   : at::empty({scratch_bytes}, at::TensorOptions(at::kByte).device(device))) {
  stream_.handle = current_stream(device);
  stream_.scratch = scratch_bytes == 0 ? nullptr : mutable_data_of<std::byte>(scratch_);
  stream_.scratch_bytes = scratch_bytes;
}

}  // namespace lambert
