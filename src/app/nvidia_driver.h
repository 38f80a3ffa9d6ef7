// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lambert {

struct NvidiaDevice {
  std::string name;
  int compute_major = 0;
  int compute_minor = 0;
  std::uint64_t memory_bytes = 0;
};

/// What NVIDIA's driver library says of itself.
struct NvidiaDriver {
  bool has_library = false;
  std::string problem;   // why there are no devices, in words; empty when there are
  int cuda_version = 0;  // the newest CUDA that the driver serves: 13000 is 13.0
  std::vector<NvidiaDevice> devices;
};

/// Loads libcuda.so.1, which comes with the driver and not with CUDA, so that a program without
/// CUDA can ask too. The library stays loaded.
NvidiaDriver ask_nvidia_driver();

}  // namespace lambert
