// SPDX-License-Identifier: Apache-2.0
#include "comm/mpi_link.h"

#include <cstring>

#include "comm/check_mpi.h"

namespace lambert {
namespace {

/// Rank in `part` of a rank of `whole`; MPI_UNDEFINED when it is not in it.
int translate_rank(MPI_Comm whole, int rank, MPI_Comm part) {
  MPI_Group whole_group = MPI_GROUP_NULL;
  MPI_Group part_group = MPI_GROUP_NULL;
  int translated = MPI_UNDEFINED;
  check_mpi(MPI_Comm_group(whole, &whole_group), "MPI_Comm_group");
  check_mpi(MPI_Comm_group(part, &part_group), "MPI_Comm_group");
  check_mpi(MPI_Group_translate_ranks(whole_group, 1, &rank, part_group, &translated),
            "MPI_Group_translate_ranks");
  MPI_Group_free(&whole_group);
  MPI_Group_free(&part_group);
  return translated;
}

}  // namespace

MpiLink::MpiLink(const MpiWait& wait, std::size_t largest_message_bytes, Neighbours neighbours,
                 MPI_Comm ranks, int machine)
    : wait_(wait) {
  sends_.fill(MPI_REQUEST_NULL);
  receives_.fill(MPI_REQUEST_NULL);
  check_mpi(MPI_Comm_dup(ranks, &communicator_), "MPI_Comm_dup");
  check_mpi(MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check_mpi(MPI_Comm_rank(communicator_, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(communicator_, &size_), "MPI_Comm_size");
  right_ = (rank_ + 1) % size_;
  left_ = (rank_ + size_ - 1) % size_;
  for (int position = 0; position < size_; ++position) {
    run_ranks_.push_back(translate_rank(communicator_, position, MPI_COMM_WORLD));
  }
  if (neighbours == Neighbours::by_shared_memory_where_possible) {
    open_channels(largest_message_bytes, machine);
  }
}

/// Each rank of a machine allocates its outgoing channel; the right neighbour, if on the machine,
/// reads from it.
void MpiLink::open_channels(std::size_t largest_message_bytes, int machine) {
  MPI_Comm shared = MPI_COMM_NULL;
  MPI_Comm local = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(communicator_, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &shared),
            "MPI_Comm_split_type");
  check_mpi(MPI_Comm_split(shared, machine, 0, &local), "MPI_Comm_split");
  check_mpi(MPI_Comm_free(&shared), "MPI_Comm_free");
  const std::size_t bytes = SharedChannel::memory_bytes(largest_message_bytes);
  const auto allocated = static_cast<MPI_Aint>((bytes + 63) / 64 * 64);
  void* memory = nullptr;
  check_mpi(MPI_Win_allocate_shared(allocated, 1, MPI_INFO_NULL, local, &memory, &window_),
            "MPI_Win_allocate_shared");
  std::memset(memory, 0, bytes);
  if (translate_rank(communicator_, right_, local) != MPI_UNDEFINED) {
    to_right_.emplace(static_cast<std::byte*>(memory), largest_message_bytes);
  }
  const int left = translate_rank(communicator_, left_, local);
  if (left != MPI_UNDEFINED) {
    MPI_Aint left_size = 0;
    int unit = 1;
    check_mpi(MPI_Win_shared_query(window_, left, &left_size, &unit, &memory),
              "MPI_Win_shared_query");
    from_left_.emplace(static_cast<std::byte*>(memory), largest_message_bytes);
  }
  check_mpi(MPI_Barrier(local), "MPI_Barrier");  // every counter is zero before the first message
  check_mpi(MPI_Comm_free(&local), "MPI_Comm_free");
}

void MpiLink::close() {
  if (window_ != MPI_WIN_NULL) {
    check_mpi(MPI_Win_free(&window_), "MPI_Win_free");
  }
}

void MpiLink::start_send_right(std::size_t slot, std::span<const std::byte> bytes) {
  if (to_right_) {
    // The neighbour frees a place when it finishes an earlier move than ours, so this ends.
    wait_.until([this] { return to_right_->can_send(); });
    to_right_->send(bytes);
    return;
  }
  check_mpi(MPI_Isend(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, right_, 0,
                      communicator_, &sends_.at(slot)),
            "MPI_Isend");
}

void MpiLink::start_receive_left(std::size_t slot, std::span<std::byte> memory) {
  receive_memory_.at(slot) = memory;
  if (!from_left_) {
    check_mpi(MPI_Irecv(memory.data(), static_cast<int>(memory.size()), MPI_BYTE, left_, 0,
                        communicator_, &receives_.at(slot)),
              "MPI_Irecv");
  }
}

std::span<const std::byte> MpiLink::finish_receive(std::size_t slot) {
  const std::span<std::byte> memory = receive_memory_.at(slot);
  if (!from_left_) {
    wait_.finish(receives_.at(slot));
    return memory;
  }
  wait_.until([this] { return from_left_->can_receive(); });
  return from_left_->front(memory.size());
}

void MpiLink::release_receive(std::size_t /*slot*/) {
  if (from_left_) {
    from_left_->drop_front();
  }
}

void MpiLink::cancel_receives() {
  for (MPI_Request& receive : receives_) {
    if (receive != MPI_REQUEST_NULL) {
      MPI_Cancel(&receive);
    }
  }
}

}  // namespace lambert
