// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "comm/communicator.h"

namespace lambert {

/// Elements of a tensor whose squares are summed together; whole-tensor norms add these sums in
/// order. A share never begins inside such a block, so norms have the same bits however a tensor is
/// cut.
inline constexpr std::size_t kNormBlock = 16384;

/// Cuts a bucket of these tensors (elements of each, in bucket order) into one share per rank, as
/// evenly as whole blocks allow. The last share is never empty.
ShareCuts cut_bucket(std::span<const std::size_t> tensor_sizes, int ranks);

}  // namespace lambert
