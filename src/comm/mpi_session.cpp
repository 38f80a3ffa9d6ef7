// SPDX-License-Identifier: Apache-2.0
#include "comm/mpi_session.h"

#include <algorithm>
#include <array>

#include <mpi.h>

#include "base/error.h"
#include "base/log.h"
#include "comm/check_mpi.h"
#include "comm/exit_timer.h"

namespace lambert {
namespace {

constexpr int kCommunicationExit = static_cast<int>(ExitCode::communication);

/// Starting processes on a busy machine takes longer than any single message.
constexpr double kSmallestStartSeconds = 60.0;

std::vector<std::string> gather_hosts(int size) {
  using Name = std::array<char, MPI_MAX_PROCESSOR_NAME>;
  Name own = {};
  int length = 0;
  check_mpi(MPI_Get_processor_name(own.data(), &length), "MPI_Get_processor_name");
  std::vector<Name> names(static_cast<std::size_t>(size));
  check_mpi(MPI_Allgather(own.data(), static_cast<int>(own.size()), MPI_CHAR, names.data(),
                          static_cast<int>(own.size()), MPI_CHAR, MPI_COMM_WORLD),
            "MPI_Allgather");
  std::vector<std::string> hosts;
  hosts.reserve(names.size());
  for (const Name& name : names) {
    hosts.emplace_back(name.data());
  }
  return hosts;
}

/// local: the ranks that can share memory with this one. Their first rank names the machine: host
/// names need not differ.
Machines find_machines(MPI_Comm local, int rank, int size) {
  int first = rank;
  check_mpi(MPI_Bcast(&first, 1, MPI_INT, 0, local), "MPI_Bcast");
  std::vector<int> firsts(static_cast<std::size_t>(size));
  check_mpi(MPI_Allgather(&first, 1, MPI_INT, firsts.data(), 1, MPI_INT, MPI_COMM_WORLD),
            "MPI_Allgather");
  return number_machines(firsts);
}

}  // namespace

MpiSession::MpiSession(double timeout_seconds) : timeout_seconds_(timeout_seconds) {
  const ExitTimer timer(std::max(timeout_seconds, kSmallestStartSeconds), kCommunicationExit,
                        "starting MPI: another rank does not start");
  int provided = MPI_THREAD_SINGLE;
  check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
  if (provided != MPI_THREAD_MULTIPLE) {
    throw CommError(
        "starting MPI: this MPI library offers no MPI_THREAD_MULTIPLE; use one that was built with "
        "it");
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
  int size = 1;
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &size), "MPI_Comm_size");
  hosts_ = gather_hosts(size);
  MPI_Comm local = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &local),
            "MPI_Comm_split_type");
  check_mpi(MPI_Comm_size(local, &local_size_), "MPI_Comm_size");
  machines_ = pretended_machines(find_machines(local, rank_, size));
  check_mpi(MPI_Comm_free(&local), "MPI_Comm_free");
}

MpiSession::~MpiSession() {
  if (!may_finalise_) {
    return;
  }
  const ExitTimer timer(timeout_seconds_, kCommunicationExit, "finishing MPI");
  if (MPI_Finalize() != MPI_SUCCESS) {
    log_warning("finishing MPI: MPI_Finalize reported an error");
  }
}

}  // namespace lambert
