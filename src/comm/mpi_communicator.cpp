// SPDX-License-Identifier: Apache-2.0
#include "comm/mpi_communicator.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <exception>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "comm/check_mpi.h"
#include "comm/make_communicator.h"

namespace lambert {
namespace {

/// MPI counts in int, and one message of gigabytes would hide progress from the deadline.
constexpr std::size_t kPieceBytes = std::size_t{16} << 20U;

/// What a rank says when it comes to a collective of the main thread.
struct Header {
  std::uint64_t sequence = 0;
  std::uint64_t byte_count = 0;
  std::int64_t root = 0;
  std::uint64_t other_state = 0;  // see compare_also
  std::array<char, 24> name = {};
};

std::string describe(const Header& header, int rank) {
  return "rank " + std::to_string(rank) + " is at collective '" + header.name.data() + "' #" +
         std::to_string(header.sequence) + " with " + std::to_string(header.byte_count) +
         " bytes, root " + std::to_string(header.root);
}

bool agree(const Header& left, const Header& right, bool equal_sizes) {
  return left.sequence == right.sequence && left.root == right.root && left.name == right.name &&
         (!equal_sizes || left.byte_count == right.byte_count);
}

MPI_Comm duplicate_world() {
  MPI_Comm communicator = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &communicator), "MPI_Comm_dup");
  check_mpi(MPI_Comm_set_errhandler(communicator, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  return communicator;
}

}  // namespace

MpiCommunicator::MpiCommunicator(const CommConfig& config)
    : session_(config.timeout_seconds),
      communicator_(duplicate_world()),
      exceptions_at_start_(std::uncaught_exceptions()),
      monitor_(session_.rank(), session_.hosts()),
      wait_(monitor_, CollectiveKind::main_thread, config.timeout_seconds, abandoned_),
      ring_(std::make_unique<MpiRing>(
          MpiWait(monitor_, CollectiveKind::reduction, config.timeout_seconds, abandoned_),
          session_.machines(), session_.rank(), config.all_reduce_dtype,
          choose_hierarchical(config.hierarchical, session_.machines()))),
      queue_([this](const RingWork& work, const CollectiveId& id) { run_reduction(work, id); },
             abandoned_) {}

MpiCommunicator::~MpiCommunicator() {
  const bool unwinding = std::uncaught_exceptions() > exceptions_at_start_;
  if (unwinding || monitor_.has_verdict() || abandoned_) {
    // The ring's memory may still be the target of a message: it stays for the rest of the process.
    static_cast<void>(ring_.release());
    return;
  }
  try {
    leave();
  } catch (const std::exception& error) {
    log_error(std::string("finishing the run: ") + error.what());
    abort_job(static_cast<int>(ExitCode::communication));
  }
}

void MpiCommunicator::leave() {
  barrier();
  ring_->close();
  session_.leave_together();
}

std::string MpiCommunicator::host_of(int rank) const {
  return session_.hosts().at(static_cast<std::size_t>(rank));
}

/// All ranks exchange what they are about to do; a difference is an error on every rank at once.
/// Returns the ranks' byte counts.
std::vector<std::uint64_t> MpiCommunicator::enter(const std::string& name, std::uint64_t byte_count,
                                                  int root, bool equal_sizes) {
  const CollectiveId id{++collective_count_, name};
  wait_.begin(id);
  Header own{id.sequence, byte_count, root, other_state_, {}};
  std::copy_n(name.begin(), std::min(name.size(), own.name.size() - 1), own.name.begin());
  std::vector<Header> headers(static_cast<std::size_t>(size()));
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Iallgather(&own, sizeof own, MPI_BYTE, headers.data(), sizeof own, MPI_BYTE,
                           communicator_, &request),
            "MPI_Iallgather");
  wait_.finish(request);
  // NOLINTNEXTLINE(clang-analyzer-optin.mpi.MPI-Checker): wait_.finish tests it until done
  std::vector<std::uint64_t> byte_counts;
  byte_counts.reserve(headers.size());
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (!agree(own, headers[i], equal_sizes)) {
      throw CommError("comparing collectives: " + describe(own, rank()) + ", but " +
                      describe(headers[i], static_cast<int>(i)) +
                      "; the ranks do different things: check that all run the same program and "
                      "config");
    }
    if (headers[i].other_state != own.other_state) {
      throw CommError("comparing collectives: rank " + std::to_string(i) + " and rank " +
                      std::to_string(rank()) + " have not started the same; on rank " +
                      std::to_string(rank()) + " the last is " + other_description_ +
                      ": check that all run the same program and config");
    }
    byte_counts.push_back(headers[i].byte_count);
  }
  return byte_counts;
}

void MpiCommunicator::compare_also(std::uint64_t state, const std::string& description) {
  other_state_ = state;
  other_description_ = description;
}

void MpiCommunicator::barrier() {
  enter("barrier", 0, 0, true);
}

void MpiCommunicator::broadcast(std::span<std::byte> bytes, int root) {
  enter("broadcast", bytes.size(), root, true);
  broadcast_pieces(bytes, root);
}

void MpiCommunicator::broadcast_pieces(std::span<std::byte> bytes, int root) {
  while (!bytes.empty()) {
    const std::span<std::byte> piece = bytes.first(std::min(bytes.size(), kPieceBytes));
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Ibcast(piece.data(), static_cast<int>(piece.size()), MPI_BYTE, root,
                         communicator_, &request),
              "MPI_Ibcast");
    wait_.finish(request);
    // NOLINTNEXTLINE(clang-analyzer-optin.mpi.MPI-Checker): wait_.finish tests it until done
    bytes = bytes.subspan(piece.size());
  }
}

/// (size, values.size()), in rank order: adding them in this order gives every rank the same bits.
std::vector<double> MpiCommunicator::gather_doubles(std::span<const double> values,
                                                    const std::string& name) {
  enter(name, values.size_bytes(), 0, true);
  std::vector<double> gathered(values.size() * static_cast<std::size_t>(size()));
  if (values.empty()) {
    return gathered;
  }
  const int count = static_cast<int>(values.size());
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Iallgather(values.data(), count, MPI_DOUBLE, gathered.data(), count, MPI_DOUBLE,
                           communicator_, &request),
            "MPI_Iallgather");
  wait_.finish(request);
  // NOLINTNEXTLINE(clang-analyzer-optin.mpi.MPI-Checker): wait_.finish tests it until done
  return gathered;
}

void MpiCommunicator::all_reduce_sum(std::span<double> values) {
  const std::vector<double> gathered = gather_doubles(values, "all_reduce_sum");
  std::fill(values.begin(), values.end(), 0.0);
  for (std::size_t i = 0; i < gathered.size(); ++i) {
    values[i % values.size()] += gathered[i];
  }
}

void MpiCommunicator::all_reduce_max(std::span<double> values) {
  const std::vector<double> gathered = gather_doubles(values, "all_reduce_max");
  for (std::size_t i = 0; i < gathered.size(); ++i) {
    double& largest = values[i % values.size()];
    largest = i < values.size() ? gathered[i] : std::max(largest, gathered[i]);
  }
}

std::unique_ptr<PendingCollective> MpiCommunicator::start(RingWork work) {
  LAMBERT_CHECK(!work.producer,
                "'" + work.name + "' lies in device memory, which MPI is not given");
  return queue_.start(std::move(work));
}

void MpiCommunicator::run_reduction(const RingWork& work, const CollectiveId& id) {
  try {
    ring_->run(work, id);
  } catch (const CommError& error) {
    ring_->cancel_receives();
    monitor_.publish(error.what());
    throw;
  }
}

std::vector<std::vector<std::byte>> MpiCommunicator::all_gather(std::span<const std::byte> bytes) {
  const std::vector<std::uint64_t> byte_counts = enter("all_gather", bytes.size(), 0, false);
  std::vector<std::vector<std::byte>> gathered(byte_counts.size());
  for (std::size_t root = 0; root < gathered.size(); ++root) {
    gathered[root].resize(byte_counts[root]);
    if (static_cast<int>(root) == rank()) {
      std::copy(bytes.begin(), bytes.end(), gathered[root].begin());
    }
    broadcast_pieces(gathered[root], static_cast<int>(root));
  }
  return gathered;
}

}  // namespace lambert
