// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>

#include <mpi.h>

#include "comm/link.h"
#include "comm/mpi_wait.h"

namespace lambert {

/// The ring's link over MPI, with a communicator of its own.
class MpiLink final : public Link {
 public:
  /// Collective over all ranks.
  explicit MpiLink(const MpiWait& wait);
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void begin(const CollectiveId& id) override { wait_.begin(id); }
  void start_send_right(std::size_t slot, std::span<const std::byte> bytes) override;
  void start_receive_left(std::size_t slot, std::span<std::byte> bytes) override;
  void finish_send(std::size_t slot) override { wait_.finish(sends_.at(slot)); }
  void finish_receive(std::size_t slot) override { wait_.finish(receives_.at(slot)); }
  /// After an error: MPI must not write into memory that is about to go.
  void cancel_receives();

 private:
  MpiWait wait_;
  MPI_Comm communicator_ = MPI_COMM_NULL;  // freed with MPI
  int rank_ = 0;
  int size_ = 1;
  std::array<MPI_Request, kSlots> sends_;
  std::array<MPI_Request, kSlots> receives_;
};

}  // namespace lambert
