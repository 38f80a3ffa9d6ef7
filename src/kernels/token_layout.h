// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace lambert {

/// Where the rows of a hidden tensor come from: the tokens of all samples, one sample after the
/// other, without padding. Rows after the last sample's, if any, belong to no sample: they are
/// computed like the others, and no result depends on them.
struct TokenLayout {
  std::int64_t rows = 0;     // T
  std::int64_t samples = 0;  // B
  /// (B + 1); sample b has rows starts[b] .. starts[b + 1] - 1, at least one.
  const std::int32_t* starts = nullptr;
  const std::int32_t* sample_of = nullptr;    // (T)
  const std::int32_t* position_of = nullptr;  // (T) in its sample

  /// Tokens of the sample.
  constexpr std::int64_t length_of(std::int64_t sample) const {
    return starts[sample + 1] - starts[sample];
  }
};

/// A hidden tensor: (T, H).
struct HiddenShape {
  TokenLayout layout;
  std::int64_t columns = 0;  // H

  constexpr std::int64_t rows() const { return layout.rows; }
};

}  // namespace lambert
