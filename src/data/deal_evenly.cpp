// SPDX-License-Identifier: Apache-2.0
#include "data/deal_evenly.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>
#include <utility>

#include "base/error.h"

namespace lambert {

std::vector<std::vector<std::int64_t>> deal_evenly(const std::vector<std::int64_t>& weights,
                                                   std::int64_t group_count) {
  const auto item_count = static_cast<std::int64_t>(weights.size());
  LAMBERT_CHECK(group_count > 0 && item_count % group_count == 0,
                std::to_string(item_count) + " items, " + std::to_string(group_count) + " groups");
  const auto group_size = static_cast<std::size_t>(item_count / group_count);
  const auto weight_of = [&](std::int64_t item) { return weights[static_cast<std::size_t>(item)]; };
  std::vector<std::int64_t> items(weights.size());
  std::iota(items.begin(), items.end(), 0);
  std::stable_sort(items.begin(), items.end(), [&](std::int64_t left, std::int64_t right) {
    return weight_of(left) > weight_of(right);
  });

  using SumAndGroup = std::pair<std::int64_t, std::int64_t>;
  std::priority_queue<SumAndGroup, std::vector<SumAndGroup>, std::greater<>> with_room;
  for (std::int64_t group = 0; group < group_count; ++group) {
    with_room.emplace(0, group);
  }
  std::vector<std::vector<std::int64_t>> groups(static_cast<std::size_t>(group_count));
  for (const std::int64_t item : items) {
    const auto [sum, group] = with_room.top();
    with_room.pop();
    std::vector<std::int64_t>& members = groups[static_cast<std::size_t>(group)];
    members.push_back(item);
    if (members.size() < group_size) {
      with_room.emplace(sum + weight_of(item), group);
    }
  }
  for (std::vector<std::int64_t>& members : groups) {
    std::sort(members.begin(), members.end());
  }
  return groups;
}

}  // namespace lambert
