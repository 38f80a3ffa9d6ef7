// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "kernels/dropout_stream.h"

namespace lambert {

/// The dropout of one site in one micro-batch; keeps alive what the mask points to.
struct Dropout {
  DropoutMask mask;           // default: no dropout
  at::Tensor sample_numbers;  // (B) int64
  at::Tensor keys = {};       // (sites, 2) int32, on a device
};

}  // namespace lambert
