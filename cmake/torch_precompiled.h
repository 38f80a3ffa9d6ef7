// SPDX-License-Identifier: Apache-2.0
// What most files of the torch floors use, parsed once. ATen/ATen.h, ATen/Functions.h and
// autograd's headers are left out: a file that sees them pays 2 s for templates that they leave to
// be instantiated. Files name the operators that they call, ATen/ops/NAME.h.
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
