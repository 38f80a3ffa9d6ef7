// SPDX-License-Identifier: Apache-2.0
#include "comm/ring_all_reduce.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "comm/ring_announcement.h"
#include "comm/wire_format.h"

namespace lambert {
namespace {

std::size_t divide_up(std::size_t value, std::size_t divisor) {
  return (value + divisor - 1) / divisor;
}

}  // namespace

/// Which values a move touches; see the story in ring_all_reduce.h.
struct RingAllReduce::Plan {
  const RingChunks& chunks;
  std::span<float> residual;
  std::size_t ranks;
  std::size_t rank;
  std::size_t first_step;
  std::size_t end_step;
  std::size_t segment;   // values of a segment; the last ones of a chunk may be shorter or empty
  std::size_t segments;  // of a chunk

  /// segment_limit and smallest: values in the largest and in the smallest useful segment. line:
  /// values in a cache line, so that segments share none.
  Plan(const RingPart& part, std::size_t own_rank, std::size_t segment_limit, std::size_t smallest,
       std::size_t line)
      : chunks(part.chunks),
        residual(part.residual),
        ranks(chunks.size()),
        rank(own_rank),
        first_step(part.kind == RingKind::all_gather ? ranks - 1 : 0),
        end_step(part.kind == RingKind::reduce_scatter ? ranks - 1 : 2 * (ranks - 1)) {
    std::size_t chunk = 0;  // the largest
    for (const RingChunk& each : chunks) {
      chunk = std::max(chunk, each.end - each.begin);
    }
    segments = std::max(Link::kSlots, divide_up(chunk, segment_limit));
    segment = std::min(segment_limit,
                       std::max(divide_up(divide_up(chunk, segments), line) * line, smallest));
  }

  std::size_t moves() const { return (end_step - first_step) * segments; }
  std::size_t step_of(std::size_t move) const { return first_step + move / segments; }
  bool adds(std::size_t move) const { return step_of(move) < ranks - 1; }
  bool finishes_chunk(std::size_t move) const { return step_of(move) == ranks - 2; }

  /// The part of `values`, or of anything as long, that a move sends or receives.
  template <class Value>
  std::span<Value> outgoing(std::span<Value> values, std::size_t move) const {
    return segment_of(values, (rank + 2 * ranks - 1 - step_of(move)) % ranks, move % segments);
  }
  template <class Value>
  std::span<Value> incoming(std::span<Value> values, std::size_t move) const {
    return segment_of(values, (rank + 2 * ranks - 2 - step_of(move)) % ranks, move % segments);
  }

 private:
  template <class Value>
  std::span<Value> segment_of(std::span<Value> values, std::size_t chunk_index,
                              std::size_t segment_index) const {
    const RingChunk& chunk = chunks[chunk_index];
    const std::size_t begin = std::min(chunk.end, chunk.begin + segment_index * segment);
    const std::size_t end = std::min(chunk.end, begin + segment);
    return values.subspan(begin, end - begin);
  }
};

void check_ring_work(const RingWork& work, int ranks) {
  const std::size_t count = std::visit([](auto values) { return values.size(); }, work.values);
  LAMBERT_CHECK(work.cuts.size() == static_cast<std::size_t>(ranks) + 1 && work.cuts.front() == 0 &&
                    work.cuts.back() == count && std::is_sorted(work.cuts.begin(), work.cuts.end()),
                "'" + work.name + "' is not cut into one share per rank");
  LAMBERT_CHECK(work.residual.empty() ||
                    (work.residual.size() == count && work.kind != RingKind::all_gather &&
                     std::holds_alternative<std::span<float>>(work.values)),
                "'" + work.name + "' cannot have such a residual");
}

void take_up_residual(const RingWork& work) {
  if (!work.residual.empty()) {
    move_floats(work.residual.data(), std::get<std::span<float>>(work.values).data(),
                work.residual.size());
  }
}

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

void RingAllReduce::run(const RingWork& work, const CollectiveId& id) {
  check_ring_work(work, link_.size());
  take_up_residual(work);
  if (link_.size() == 1) {
    return;
  }
  meet(work, id);
  RingChunks chunks;
  for (std::size_t i = 0; i + 1 < work.cuts.size(); ++i) {
    chunks.push_back({work.cuts[i], work.cuts[i + 1]});
  }
  run_part({work.kind, work.values, std::move(chunks), work.residual});
}

void RingAllReduce::meet(const RingWork& work, const CollectiveId& id) {
  if (link_.size() > 1) {
    link_.begin(id);
    compare_with_left(work, id);
  }
}

void RingAllReduce::run_part(const RingPart& part) {
  LAMBERT_CHECK(part.chunks.size() == static_cast<std::size_t>(link_.size()),
                "one chunk per rank of the ring");
  if (link_.size() > 1) {
    std::visit([this, &part](auto values) { run_moves(values, part); }, part.values);
  }
}

template <class Value>
void RingAllReduce::run_moves(std::span<Value> values, const RingPart& part) {
  const Plan plan(part, static_cast<std::size_t>(link_.rank()), segment_bytes_ / sizeof(Value),
                  kSmallestSegmentBytes / sizeof(Value), 64 / sizeof(Value));
  for (std::size_t i = 0; i < plan.moves() + Link::kSlots; ++i) {
    if (i >= Link::kSlots) {
      finish(plan, i - Link::kSlots, values);
    }
    if (i < plan.moves()) {
      start(plan, i, values);
    }
  }
}

void RingAllReduce::compare_with_left(const RingWork& work, const CollectiveId& id) {
  const RingAnnouncement own = announce(work, id);
  RingAnnouncement left;
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
    const int left_rank = link_.run_rank((link_.rank() + link_.size() - 1) % link_.size());
    throw CommError(
        "starting " + describe(own) + " on rank " + std::to_string(link_.run_rank(link_.rank())) +
        ": rank " + std::to_string(left_rank) + " is at " + describe(left) +
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
      encode(plan, move, outgoing);
      link_.start_send_right(slot,
                             std::as_bytes(std::span(encoded_.at(slot)).first(outgoing.size())));
      return;
    }
  }
  link_.start_send_right(slot, std::as_bytes(outgoing));
}

void RingAllReduce::encode(const Plan& plan, std::size_t move, std::span<const float> outgoing) {
  std::uint16_t* const encoded = encoded_.at(move % Link::kSlots).data();
  if (plan.residual.empty() || !plan.adds(move)) {  // finished chunks are rounded already
    encode_bfloat16(outgoing.data(), encoded, outgoing.size());
  } else {
    encode_bfloat16(outgoing.data(), encoded, plan.outgoing(plan.residual, move).data(),
                    outgoing.size());
  }
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
  if (!plan.finishes_chunk(move)) {
    return;
  }
  if (plan.residual.empty()) {
    round_to_bfloat16(segment.data(), segment.size());
  } else {
    round_to_bfloat16(segment.data(), plan.incoming(plan.residual, move).data(), segment.size());
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

void RingAllReduce::absorb(const Plan& /*plan*/, std::size_t /*move*/, const std::byte* received,
                           std::span<std::byte> segment) {
  if (received != segment.data()) {
    std::memcpy(segment.data(), received, segment.size());
  }
}

}  // namespace lambert
