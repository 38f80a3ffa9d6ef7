// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "data/batch.h"
#include "data/example.h"
#include "data/masking.h"

namespace lambert {

/// A batch of B rows of S positions, all [PAD] of segment 0, to be filled row by row.
Batch make_empty_batch(std::int64_t batch_size, std::int64_t sequence_length, std::int32_t pad_id);

/// Fills the next row, counted from 0. The example has at most S tokens; masks are applied.
void fill_row(Batch& batch, std::int64_t row, const Example& example, const Masking& masking,
              std::uint64_t sample_number);

}  // namespace lambert
