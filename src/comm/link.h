// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace lambert {

/// Names a collective in error messages and in the comparison between ranks.
struct CollectiveId {
  std::uint64_t sequence = 0;  // counted from 1, separately for reductions and for the others
  std::string name;
};

/// What the ring knows of the network: messages go to the right neighbour (rank + 1) and come from
/// the left one (rank - 1), in order. A slot names a message in flight; the memory given at the
/// start stays in use until the message was finished. Everything that waits throws CommError at the
/// deadline. Used from one thread.
class Link {
 public:
  static constexpr std::size_t kSlots = 2;

  virtual ~Link() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// Rank in the run of who stands at a position of this ring, for error messages.
  virtual int run_rank(int position) const { return position; }
  /// Which collective the following messages belong to, for error messages.
  virtual void begin(const CollectiveId& id) = 0;
  virtual void start_send_right(std::size_t slot, std::span<const std::byte> bytes) = 0;
  /// memory: where the link may put the message.
  virtual void start_receive_left(std::size_t slot, std::span<std::byte> memory) = 0;
  virtual void finish_send(std::size_t slot) = 0;
  /// Returns the message: in the memory given at the start, or in memory of the link that is good
  /// until release_receive. Receives are finished in the order they were started.
  virtual std::span<const std::byte> finish_receive(std::size_t slot) = 0;
  virtual void release_receive(std::size_t slot) = 0;
};

}  // namespace lambert
