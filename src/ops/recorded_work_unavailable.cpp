// SPDX-License-Identifier: Apache-2.0
// Recorded work in a program without CUDA: linked instead of recorded_work_cuda.cpp.
#include "base/error.h"
#include "ops/recorded_work.h"

namespace lambert {

std::unique_ptr<RecordedWork> record_work(const at::Device& /*device*/,
                                          const std::function<void()>& /*work*/) {
  throw DeviceError(
      "this program was built without CUDA and was asked to record work of a device; build it with "
      "cmake --preset cuda, or run on the CPU");
}

DeviceMark::DeviceMark() = default;
void DeviceMark::place(const at::Device& /*device*/) {}

}  // namespace lambert
