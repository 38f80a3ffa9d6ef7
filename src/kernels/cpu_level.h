// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace lambert {

/// The processor level that the loaded kernels were compiled for: "plain", "x86-64-v3" (AVX2),
/// "x86-64-v4" (AVX-512). Levels round differently: all ranks of a run must have one.
std::string cpu_level();

}  // namespace lambert
