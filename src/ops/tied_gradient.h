// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace lambert {

/// The word embedding is used twice: as the first layer's table and as the decoder. The decoder's
/// backward pass, which always comes first, leaves its share of the gradient here; the embedding's
/// adds its own and hands over the sum. So a (V, H) tensor of zeros and an addition are saved, and
/// the parameter's hook fires once, last.
struct TiedGradient {
  at::Tensor of_decoder;  // (V, H) fp32, or undefined
};

}  // namespace lambert
