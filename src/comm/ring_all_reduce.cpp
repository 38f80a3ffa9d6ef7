// SPDX-License-Identifier: Apache-2.0
#include "comm/ring_all_reduce.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>

#include "base/error.h"
#include "comm/wire_format.h"

namespace lambert {
namespace {

/// What a rank tells its right neighbour before a reduction.
struct Announcement {
  std::uint64_t sequence = 0;
  std::uint64_t bytes = 0;
  std::array<char, 48> name = {};
};

Announcement announce(std::size_t bytes, const CollectiveId& id) {
  Announcement announcement{id.sequence, bytes, {}};
  const std::size_t length = std::min(id.name.size(), announcement.name.size() - 1);
  std::copy_n(id.name.begin(), length, announcement.name.begin());
  return announcement;
}

std::string describe(const Announcement& announcement) {
  return "'" + std::string(announcement.name.data()) + "' #" +
         std::to_string(announcement.sequence) + " of " + std::to_string(announcement.bytes) +
         " bytes";
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

  /// segment_limit and smallest: values in the largest and in the smallest useful segment.
  Plan(std::size_t value_count, std::size_t rank_count, std::size_t own_rank,
       std::size_t segment_limit, std::size_t smallest)
      : count(value_count), ranks(rank_count), rank(own_rank) {
    // Multiples of 16 values keep chunks on cache lines.
    chunk = divide_up(divide_up(count, ranks), 16) * 16;
    segments = std::max(Link::kSlots, divide_up(chunk, segment_limit));
    segment =
        std::min(segment_limit, std::max(divide_up(divide_up(chunk, segments), 16) * 16, smallest));
  }

  std::size_t moves() const { return 2 * (ranks - 1) * segments; }
  bool adds(std::size_t move) const { return move / segments < ranks - 1; }
  bool finishes_chunk(std::size_t move) const { return move / segments == ranks - 2; }

  template <class Value>
  std::span<Value> outgoing(std::span<Value> values, std::size_t move) const {
    return part(values, (rank + 2 * ranks - move / segments) % ranks, move % segments);
  }
  template <class Value>
  std::span<Value> incoming(std::span<Value> values, std::size_t move) const {
    return part(values, (rank + 2 * ranks - move / segments - 1) % ranks, move % segments);
  }

 private:
  template <class Value>
  std::span<Value> part(std::span<Value> values, std::size_t chunk_index,
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
      segment_bytes_(std::max(segment_bytes, sizeof(std::int64_t))) {
  for (auto& buffer : received_) {
    buffer.resize(segment_bytes_);
  }
  if (wire_type_ == WireType::bfloat16) {
    for (auto& buffer : encoded_) {
      buffer.resize(segment_bytes_ / sizeof(float));
    }
  }
}

void RingAllReduce::sum(ReductionValues values, const CollectiveId& id) {
  std::visit([this, &id](auto typed_values) { sum_values(typed_values, id); }, values);
}

template <class Value>
void RingAllReduce::sum_values(std::span<Value> values, const CollectiveId& id) {
  if (link_.size() == 1) {
    return;
  }
  link_.begin(id);
  compare_with_left(values.size_bytes(), id);
  const Plan plan(values.size(), static_cast<std::size_t>(link_.size()),
                  static_cast<std::size_t>(link_.rank()), segment_bytes_ / sizeof(Value),
                  kSmallestSegmentBytes / sizeof(Value));
  for (std::size_t i = 0; i < plan.moves() + Link::kSlots; ++i) {
    if (i >= Link::kSlots) {
      finish(plan, i - Link::kSlots, values);
    }
    if (i < plan.moves()) {
      start(plan, i, values);
    }
  }
}

void RingAllReduce::compare_with_left(std::size_t bytes, const CollectiveId& id) {
  const Announcement own = announce(bytes, id);
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

template <class Value>
bool RingAllReduce::is_encoded() const {
  return std::is_same_v<Value, float> && wire_type_ == WireType::bfloat16;
}

template <class Value>
std::size_t RingAllReduce::wire_bytes(std::size_t count) const {
  return count * (is_encoded<Value>() ? sizeof(std::uint16_t) : sizeof(Value));
}

template <class Value>
std::span<std::byte> RingAllReduce::incoming_memory(const Plan& plan, std::size_t move,
                                                    std::span<Value> segment) {
  if (!is_encoded<Value>() && !plan.adds(move)) {
    return std::as_writable_bytes(segment);  // finished values go where they belong
  }
  return std::span(received_.at(move % Link::kSlots)).first(wire_bytes<Value>(segment.size()));
}

template <class Value>
void RingAllReduce::start(const Plan& plan, std::size_t move, std::span<Value> values) {
  const std::size_t slot = move % Link::kSlots;
  const std::span<Value> incoming = plan.incoming(values, move);
  if (!incoming.empty()) {
    link_.start_receive_left(slot, incoming_memory(plan, move, incoming));
  }
  const std::span<Value> outgoing = plan.outgoing(values, move);
  if (outgoing.empty()) {
    return;
  }
  if constexpr (std::is_same_v<Value, float>) {
    if (is_encoded<Value>()) {
      const std::span<std::uint16_t> encoded = std::span(encoded_.at(slot)).first(outgoing.size());
      encode_bfloat16(outgoing.data(), encoded.data(), outgoing.size());
      link_.start_send_right(slot, std::as_bytes(encoded));
      return;
    }
  }
  link_.start_send_right(slot, std::as_bytes(outgoing));
}

template <class Value>
void RingAllReduce::finish(const Plan& plan, std::size_t move, std::span<Value> values) {
  const std::size_t slot = move % Link::kSlots;
  const std::span<Value> incoming = plan.incoming(values, move);
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

void RingAllReduce::absorb(const Plan& plan, std::size_t move, const std::byte* received,
                           std::span<std::int64_t> segment) {
  if (plan.adds(move)) {
    add_integers(reinterpret_cast<const std::int64_t*>(received), segment.data(), segment.size());
  } else if (received != std::as_bytes(segment).data()) {
    std::memcpy(segment.data(), received, segment.size_bytes());
  }
}

}  // namespace lambert
