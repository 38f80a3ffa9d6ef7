// SPDX-License-Identifier: Apache-2.0
#include "comm/mpi_link.h"

#include "comm/check_mpi.h"

namespace lambert {

MpiLink::MpiLink(const MpiWait& wait) : wait_(wait) {
  sends_.fill(MPI_REQUEST_NULL);
  receives_.fill(MPI_REQUEST_NULL);
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &communicator_), "MPI_Comm_dup");
  check_mpi(MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check_mpi(MPI_Comm_rank(communicator_, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(communicator_, &size_), "MPI_Comm_size");
}

void MpiLink::start_send_right(std::size_t slot, std::span<const std::byte> bytes) {
  check_mpi(MPI_Isend(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, (rank_ + 1) % size_,
                      0, communicator_, &sends_.at(slot)),
            "MPI_Isend");
}

void MpiLink::start_receive_left(std::size_t slot, std::span<std::byte> bytes) {
  check_mpi(MPI_Irecv(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE,
                      (rank_ + size_ - 1) % size_, 0, communicator_, &receives_.at(slot)),
            "MPI_Irecv");
}

void MpiLink::cancel_receives() {
  for (MPI_Request& receive : receives_) {
    if (receive != MPI_REQUEST_NULL) {
      MPI_Cancel(&receive);
    }
  }
}

}  // namespace lambert
