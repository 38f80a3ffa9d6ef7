// SPDX-License-Identifier: Apache-2.0
#include "comm/ring_all_reduce.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/error.h"
#include "comm/wire_format.h"

namespace lambert {
namespace {

/// What a rank tells its right neighbour before a reduction.
struct Announcement {
  std::uint64_t sequence = 0;
  std::uint64_t count = 0;
  std::array<char, 48> name = {};
};

Announcement announce(std::size_t count, const CollectiveId& id) {
  Announcement announcement{id.sequence, count, {}};
  const std::size_t length = std::min(id.name.size(), announcement.name.size() - 1);
  std::copy_n(id.name.begin(), length, announcement.name.begin());
  return announcement;
}

std::string describe(const Announcement& announcement) {
  return "'" + std::string(announcement.name.data()) + "' #" +
         std::to_string(announcement.sequence) + " of " + std::to_string(announcement.count) +
         " values";
}

std::size_t divide_up(std::size_t value, std::size_t divisor) {
  return (value + divisor - 1) / divisor;
}

}  // namespace

/// Which values a move touches; see the story in ring_all_reduce.h.
struct RingAllReduce::Plan {
  std::size_t count;
  std::size_t ranks;
  std::size_t rank;
  std::size_t chunk;     // values of a chunk; the last chunks may be shorter or empty
  std::size_t segment;   // values of a segment; likewise
  std::size_t segments;  // segments of a chunk

  Plan(std::size_t value_count, std::size_t rank_count, std::size_t own_rank,
       std::size_t segment_limit)
      : count(value_count), ranks(rank_count), rank(own_rank) {
    constexpr std::size_t kSmallest = kSmallestSegmentBytes / sizeof(float);
    // Multiples of 16 values keep chunks on cache lines.
    chunk = divide_up(divide_up(count, ranks), 16) * 16;
    segments = std::max(Link::kSlots, divide_up(chunk, segment_limit));
    segment = std::min(segment_limit,
                       std::max(divide_up(divide_up(chunk, segments), 16) * 16, kSmallest));
  }

  std::size_t moves() const { return 2 * (ranks - 1) * segments; }
  bool adds(std::size_t move) const { return move / segments < ranks - 1; }
  bool finishes_chunk(std::size_t move) const { return move / segments == ranks - 2; }

  std::span<float> outgoing(std::span<float> values, std::size_t move) const {
    return part(values, (rank + 2 * ranks - move / segments) % ranks, move % segments);
  }
  std::span<float> incoming(std::span<float> values, std::size_t move) const {
    return part(values, (rank + 2 * ranks - move / segments - 1) % ranks, move % segments);
  }

 private:
  std::span<float> part(std::span<float> values, std::size_t chunk_index,
                        std::size_t segment_index) const {
    const std::size_t chunk_end = std::min(count, (chunk_index + 1) * chunk);
    const std::size_t begin = std::min(chunk_end, chunk_index * chunk + segment_index * segment);
    const std::size_t end = std::min(chunk_end, begin + segment);
    return values.subspan(begin, end - begin);
  }
};

RingAllReduce::RingAllReduce(Link& link, WireType wire_type, std::size_t segment_bytes)
    : link_(link),
      wire_type_(wire_type),
      segment_count_limit_(std::max<std::size_t>(1, segment_bytes / sizeof(float))) {
  for (auto& buffer : received_) {
    buffer.resize(wire_bytes(segment_count_limit_));
  }
  if (wire_type_ == WireType::bfloat16) {
    for (auto& buffer : encoded_) {
      buffer.resize(segment_count_limit_);
    }
  }
}

void RingAllReduce::sum(std::span<float> values, const CollectiveId& id) {
  if (link_.size() == 1) {
    return;
  }
  link_.begin(id);
  compare_with_left(values.size(), id);
  const Plan plan(values.size(), static_cast<std::size_t>(link_.size()),
                  static_cast<std::size_t>(link_.rank()), segment_count_limit_);
  for (std::size_t i = 0; i < plan.moves() + Link::kSlots; ++i) {
    if (i >= Link::kSlots) {
      finish(plan, i - Link::kSlots, values);
    }
    if (i < plan.moves()) {
      start(plan, i, values);
    }
  }
}

void RingAllReduce::compare_with_left(std::size_t count, const CollectiveId& id) {
  const Announcement own = announce(count, id);
  Announcement left;
  link_.start_receive_left(0, std::as_writable_bytes(std::span(&left, 1)));
  link_.start_send_right(0, std::as_bytes(std::span(&own, 1)));
  // The link may have left the message in memory of its own.
  const std::span<const std::byte> message = link_.finish_receive(0);
  if (message.data() != reinterpret_cast<const std::byte*>(&left)) {
    std::memcpy(&left, message.data(), sizeof left);
  }
  link_.release_receive(0);
  link_.finish_send(0);
  if (std::memcmp(&own, &left, sizeof own) != 0) {
    const int left_rank = (link_.rank() + link_.size() - 1) % link_.size();
    throw CommError(
        "starting reduction " + describe(own) + " on rank " + std::to_string(link_.rank()) +
        ": rank " + std::to_string(left_rank) + " is at reduction " + describe(left) +
        "; the ranks do different things: check that all run the same program and config");
  }
}

std::size_t RingAllReduce::wire_bytes(std::size_t count) const {
  return count * (wire_type_ == WireType::bfloat16 ? sizeof(std::uint16_t) : sizeof(float));
}

std::span<std::byte> RingAllReduce::incoming_memory(const Plan& plan, std::size_t move,
                                                    std::span<float> segment) {
  if (wire_type_ == WireType::float32 && !plan.adds(move)) {
    return std::as_writable_bytes(segment);  // finished values go where they belong
  }
  return std::span(received_.at(move % Link::kSlots)).first(wire_bytes(segment.size()));
}

void RingAllReduce::start(const Plan& plan, std::size_t move, std::span<float> values) {
  const std::size_t slot = move % Link::kSlots;
  const std::span<float> incoming = plan.incoming(values, move);
  if (!incoming.empty()) {
    link_.start_receive_left(slot, incoming_memory(plan, move, incoming));
  }
  const std::span<float> outgoing = plan.outgoing(values, move);
  if (outgoing.empty()) {
    return;
  }
  if (wire_type_ == WireType::float32) {
    link_.start_send_right(slot, std::as_bytes(outgoing));
    return;
  }
  std::vector<std::uint16_t>& encoded = encoded_.at(slot);
  encode_bfloat16(outgoing.data(), encoded.data(), outgoing.size());
  link_.start_send_right(slot,
                         std::as_bytes(std::span(encoded)).first(wire_bytes(outgoing.size())));
}

void RingAllReduce::finish(const Plan& plan, std::size_t move, std::span<float> values) {
  const std::size_t slot = move % Link::kSlots;
  const std::span<float> incoming = plan.incoming(values, move);
  if (!incoming.empty()) {
    absorb(plan, move, link_.finish_receive(slot).data(), incoming);
    link_.release_receive(slot);
  }
  if (!plan.outgoing(values, move).empty()) {
    link_.finish_send(slot);
  }
}

/// received: a segment as it came from the wire, in the memory of the link, of ours, or of the
/// segment itself.
void RingAllReduce::absorb(const Plan& plan, std::size_t move, const std::byte* received,
                           std::span<float> segment) {
  if (wire_type_ == WireType::float32) {
    if (plan.adds(move)) {
      add_floats(reinterpret_cast<const float*>(received), segment.data(), segment.size());
    } else if (received != std::as_bytes(segment).data()) {
      std::memcpy(segment.data(), received, segment.size_bytes());
    }
    return;
  }
  const auto* encoded = reinterpret_cast<const std::uint16_t*>(received);
  if (!plan.adds(move)) {
    decode_bfloat16(encoded, segment.data(), segment.size());
    return;
  }
  add_bfloat16(encoded, segment.data(), segment.size());
  if (plan.finishes_chunk(move)) {
    round_to_bfloat16(segment.data(), segment.size());
  }
}

}  // namespace lambert
