// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "comm/link.h"
#include "config/run_config.h"

namespace lambert {

// The story of the ring
// ---------------------
// The ranks stand in a circle; everyone speaks to the right and listens to the left. The values are
// cut into as many CHUNKS as there are ranks (n), chunk r is rank r's share, and each chunk into
// SEGMENTS, small enough to be on their way and be added piece by piece.
//
// The chunks travel around the circle in 2 (n - 1) STEPS. In step s, rank r sends chunk r - s - 1
// and receives chunk r - s - 2 (modulo n). So what is received in one step is what is sent in the
// next one.
//   Steps 0 .. n - 2 (reduce-scatter): the receiver adds what comes to its own values. A chunk that
//   has made n - 1 hops contains everyone's values: after step n - 2 rank r owns the finished chunk
//   r. Steps n - 1 .. 2n - 3 (all-gather): the receiver stores what comes: finished chunks make the
//   round.
// Either half can be run alone; an all-reduce is both.
// Every chunk is finished by one rank and copied by the others, so all ranks end with identical
// bits; and it is added in the order of the circle, so a run repeats bit for bit, and a
// reduce-scatter gives the bits of an all-reduce that is cut alike. With equal chunks each rank
// sends 2 (n - 1) / n times the size of the values, which is the least possible.
//
// All segments of all steps form one sequence of MOVES: move i handles segment i mod k of step i /
// k, where k is the number of segments of a chunk. kSlots moves are in flight: while one segment is
// added, the next one is on its way. Move i sends what move i - k has received; it has been
// finished because moves are finished kSlots after their start and k >= kSlots. Hence at least
// kSlots segments in a chunk (some may be empty: neither side sends an empty one).
//
// Before the first move each rank tells the right neighbour what it is about to do, so that ranks
// that call different things find out at once instead of adding apples to pears.
//
// bf16 on the wire (sums of fp32 values only; a gather of its own is exact): sums stay fp32, each
// hop rounds what it sends to bf16, and the owner of a finished chunk rounds it before it makes the
// round; so the bits are still identical everywhere.
//
// Error feedback (Seide et al. 2014; Karimireddy et al. 2019): of every value each rank rounds one
// partial sum, when it sends it on or, as the owner, when it is finished. The RESIDUAL keeps what
// that rounding took away, exactly, and the rank adds it to its own values of the next reduction.
// So what the sum of all reductions lacks is never more than the residuals of the last one, which
// is why the mean over many steps is exact and not only the expectation.

/// The values that one rank of a ring owns.
struct RingChunk {
  std::size_t begin = 0;
  std::size_t end = 0;
};
using RingChunks = std::vector<RingChunk>;  // by position in the ring; they need not be adjacent

/// A run of a ring over some of the values of a work.
struct RingPart {
  RingKind kind = RingKind::all_reduce;
  decltype(RingWork::values) values;
  RingChunks chunks;
  std::span<float> residual;  // as long as the values, or empty; taken up already
};

/// Adds and moves values over the ranks of a link, in place. Owns two staging buffers. Used from
/// one thread.
class RingAllReduce {
 public:
  /// 256 KiB: two segments in flight plus the part of the values they are added to stay in an L2
  /// cache of 1 MiB, and the cost of a message (a few microseconds) is small against the time of
  /// moving it (tens of them).
  static constexpr std::size_t kSegmentBytes = std::size_t{256} << 10U;
  /// Below this a second segment costs more messages than it hides.
  static constexpr std::size_t kSmallestSegmentBytes = std::size_t{16} << 10U;

  /// segment_bytes: only tests and benchmarks choose another one.
  RingAllReduce(Link& link, WireType wire_type, std::size_t segment_bytes = kSegmentBytes);

  /// Blocks. Any count, zero included; kind, count, cuts and name are equal on all ranks. Throws
  /// CommError when a neighbour does something else, and what the link throws.
  void run(const RingWork& work, const CollectiveId& id);

  // The same in two steps, for sums that are put together from several rings.
  /// Compares what the ranks of this ring are about to do.
  void meet(const RingWork& work, const CollectiveId& id);
  void run_part(const RingPart& part);

 private:
  struct Plan;
  template <class Value>
  void run_moves(std::span<Value> values, const RingPart& part);
  void compare_with_left(const RingWork& work, const CollectiveId& id);
  template <class Value>
  void start(const Plan& plan, std::size_t move, std::span<Value> values);
  template <class Value>
  void finish(const Plan& plan, std::size_t move, std::span<Value> values);
  void encode(const Plan& plan, std::size_t move, std::span<const float> outgoing);
  void absorb(const Plan& plan, std::size_t move, const std::byte* received,
              std::span<float> segment);
  static void absorb(const Plan& plan, std::size_t move, const std::byte* received,
                     std::span<std::int64_t> segment);
  static void absorb(const Plan& plan, std::size_t move, const std::byte* received,
                     std::span<std::byte> segment);
  template <class Value>
  std::span<std::byte> incoming_memory(const Plan& plan, std::size_t move,
                                       std::span<Value> segment);
  template <class Value>
  bool is_encoded() const;  // travels in another type than its own
  template <class Value>
  std::size_t wire_bytes(std::size_t count) const;

  Link& link_;
  WireType wire_type_;
  std::size_t segment_bytes_;                                     // of the largest segment
  std::array<std::vector<std::byte>, Link::kSlots> received_;     // (segment) each, wire type
  std::array<std::vector<std::uint16_t>, Link::kSlots> encoded_;  // (segment) each, bf16 only
};

/// LAMBERT_CHECKs that work is cut into one share per rank and may have its residual.
void check_ring_work(const RingWork& work, int ranks);

/// Moves the residual, if any, into the values of a sum.
void take_up_residual(const RingWork& work);

}  // namespace lambert
