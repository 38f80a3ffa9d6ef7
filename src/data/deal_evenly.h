// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace lambert {

/// Deals the items 0 .. weights.size() - 1 into group_count groups of equal size whose sums of
/// weights are nearly even: the heaviest first, each to the lightest group that has room, the first
/// of several. A function of the weights alone. Members of a group ascend. group_count divides the
/// number of items.
std::vector<std::vector<std::int64_t>> deal_evenly(const std::vector<std::int64_t>& weights,
                                                   std::int64_t group_count);

}  // namespace lambert
