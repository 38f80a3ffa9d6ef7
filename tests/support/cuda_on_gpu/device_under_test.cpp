// SPDX-License-Identifier: Apache-2.0
#include "support/device_under_test.h"

namespace lambert::testing {

at::Device device_under_test() {
  return {at::kCUDA, 0};
}

}  // namespace lambert::testing
