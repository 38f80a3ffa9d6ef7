// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include <mpi.h>

#include "comm/link.h"
#include "comm/mpi_wait.h"
#include "comm/shared_channel.h"

namespace lambert {

/// The ring's link between processes: shared memory to a neighbour on the same machine, MPI
/// messages to one on another. Owns a communicator and the memory of its outgoing channel.
class MpiLink final : public Link {
 public:
  enum class Neighbours { by_shared_memory_where_possible, by_message };

  /// Collective over `ranks`, the ring in their order. by_message: for rings between machines.
  /// machine: number of this rank's machine; shared memory connects ranks of the same number only.
  MpiLink(const MpiWait& wait, std::size_t largest_message_bytes,
          Neighbours neighbours = Neighbours::by_shared_memory_where_possible,
          MPI_Comm ranks = MPI_COMM_WORLD, int machine = 0);
  /// Collective over the ranks of a machine: gives the shared memory back. Without it (after an
  /// error) the memory stays until the process ends.
  void close();

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int run_rank(int position) const override {
    return run_ranks_.at(static_cast<std::size_t>(position));
  }
  void begin(const CollectiveId& id) override { wait_.begin(id); }
  void start_send_right(std::size_t slot, std::span<const std::byte> bytes) override;
  void start_receive_left(std::size_t slot, std::span<std::byte> memory) override;
  void finish_send(std::size_t slot) override { wait_.finish(sends_.at(slot)); }
  std::span<const std::byte> finish_receive(std::size_t slot) override;
  void release_receive(std::size_t slot) override;
  /// After an error: MPI must not write into memory that is about to go.
  void cancel_receives();

 private:
  void open_channels(std::size_t largest_message_bytes, int machine);

  MpiWait wait_;
  MPI_Comm communicator_ = MPI_COMM_NULL;  // freed with MPI
  MPI_Win window_ = MPI_WIN_NULL;
  int rank_ = 0;
  int size_ = 1;
  int right_ = 0;
  int left_ = 0;
  std::vector<int> run_ranks_;              // by position in the ring
  std::optional<SharedChannel> to_right_;   // when the neighbour is on this machine
  std::optional<SharedChannel> from_left_;  // likewise
  std::array<MPI_Request, kSlots> sends_ = {};
  std::array<MPI_Request, kSlots> receives_ = {};
  std::array<std::span<std::byte>, kSlots> receive_memory_ = {};
};

}  // namespace lambert
