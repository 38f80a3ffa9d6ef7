// SPDX-License-Identifier: Apache-2.0
// The LibTorch headers that most files of the torch floors use, parsed once. Autograd's headers are
// left out: with them every file pays 2.5 s for templates that the header leaves to be
// instantiated.
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <ATen/Functions.h>
#include <ATen/core/Tensor.h>
