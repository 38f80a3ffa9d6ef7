// SPDX-License-Identifier: Apache-2.0
#include "support/device_under_test.h"

#include "ops/device.h"

namespace lambert::testing {

at::Device device_under_test() {
  thread_local const at::Device device = [] {
    const at::Device first(at::kCUDA, 0);
    use_device(first);
    return first;
  }();
  return device;
}

}  // namespace lambert::testing
