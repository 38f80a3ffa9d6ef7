// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "data/batch.h"
#include "data/example.h"
#include "data/masking.h"

namespace lambert {

/// Adds the example, with its masks applied, as the batch's next sequence.
void append_sequence(Batch& batch, const Example& example, const Masking& masking,
                     std::uint64_t sample_number);

}  // namespace lambert
