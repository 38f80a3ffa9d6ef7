// SPDX-License-Identifier: Apache-2.0
// One call of a kernel for both devices: kernels/ has it twice, and the device's takes a stream
// first.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "kernels/cuda_stream.h"
#include "ops/device.h"

namespace lambert {

/// A device's current stream with scratch memory that is lent to what is put on it next.
class StreamWithScratch {
 public:
  StreamWithScratch(const at::Device& device, std::int64_t scratch_bytes);
  const CudaStream& stream() const { return stream_; }

 private:
  at::Tensor scratch_;  // given back in the stream's order
  CudaStream stream_;
};

/// Calls work() when the tensor is in host memory, else work(stream) with the scratch memory that
/// scratch_bytes() asks for. So one line serves both:
///   run_kernel(x, scratch, [&](const auto&... stream) { column_sums(stream..., rows, columns); });
template <typename ScratchBytes, typename Work>
void run_kernel(const at::Tensor& tensor, const ScratchBytes& scratch_bytes, const Work& work) {
  if (tensor.is_cpu()) {
    work();
  } else {
    work(StreamWithScratch(tensor.device(), scratch_bytes()).stream());
  }
}

/// A kernel that needs no scratch memory.
template <typename Work>
void run_kernel(const at::Tensor& tensor, const Work& work) {
  run_kernel(
      tensor, [] { return std::int64_t{0}; }, work);
}

}  // namespace lambert
