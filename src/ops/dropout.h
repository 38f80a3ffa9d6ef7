// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "kernels/dropout_stream.h"

namespace lambert {

/// The dropout of one site in one micro-batch; keeps the sample numbers alive that the mask points
/// to.
struct Dropout {
  DropoutMask mask;               // default: no dropout
  at::Tensor sample_numbers;      // (B) int64
  std::int64_t first_sample = 0;  // the first of them, on the host
};

}  // namespace lambert
