// SPDX-License-Identifier: Apache-2.0
#include "comm/communicator.h"

#include <algorithm>
#include <utility>

namespace lambert {
namespace {

constexpr std::size_t kCacheLine = 16;  // fp32 values

auto to_ring_values(const ReductionValues& values) {
  return std::visit([](auto typed) -> decltype(RingWork::values) { return typed; }, values);
}

std::size_t count_of(const ReductionValues& values) {
  return std::visit([](auto typed) { return typed.size(); }, values);
}

}  // namespace

ShareCuts cut_evenly(std::size_t count, int ranks) {
  const auto shares = static_cast<std::size_t>(ranks);
  const std::size_t share = (count + shares - 1) / shares;
  const std::size_t whole_lines = (share + kCacheLine - 1) / kCacheLine * kCacheLine;
  ShareCuts cuts;
  for (std::size_t rank = 0; rank <= shares; ++rank) {
    cuts.push_back(std::min(count, rank * whole_lines));
  }
  return cuts;
}

std::unique_ptr<PendingCollective> Communicator::start_all_reduce_sum(
    ReductionValues values, std::string name, std::optional<DeviceStream> producer) {
  return start({RingKind::all_reduce,
                to_ring_values(values),
                cut_evenly(count_of(values), size()),
                {},
                std::move(name),
                producer});
}

std::unique_ptr<PendingCollective> Communicator::start_reduce_scatter_sum(
    ReductionValues values, ShareCuts cuts, std::string name,
    std::optional<DeviceStream> producer) {
  return start({RingKind::reduce_scatter,
                to_ring_values(values),
                std::move(cuts),
                {},
                std::move(name),
                producer});
}

std::unique_ptr<PendingCollective> Communicator::start_all_gather(
    std::span<std::byte> bytes, ShareCuts cuts, std::string name,
    std::optional<DeviceStream> producer) {
  return start({RingKind::all_gather, bytes, std::move(cuts), {}, std::move(name), producer});
}

}  // namespace lambert
