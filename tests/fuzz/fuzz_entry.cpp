// SPDX-License-Identifier: Apache-2.0
// The entry that libFuzzer calls.
#include <cstddef>
#include <cstdint>

#include "fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lambert::accepts({reinterpret_cast<const char*>(data), size});
  return 0;
}
