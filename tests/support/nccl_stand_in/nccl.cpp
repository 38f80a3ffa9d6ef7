// SPDX-License-Identifier: Apache-2.0
// The calls of NCCL, as its header declares them, moving host memory between processes on the
// threads of the stand-in's streams. Sums are taken in rank order by an all-reduce, and in the
// order of a ring that ends at the owner by the others: like NCCL's, their bits differ.
//
// Faults, by environment variables: LAMBERT_STAND_IN_FAULT="KIND RANK N" (RANK -1: all ranks)
// strikes the N-th (from 1) collective of that rank: async-error (it ends without having done
// anything and the communicator has an error), never (it does not end), block (the call does not
// return before an abort). LAMBERT_STAND_IN_ABORT=hang: ncclCommAbort does not return and frees
// nothing.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "comm/device_api.h"
#include "comm/wire_format.h"
#include "support/nccl_stand_in/exchange.h"
#include "support/nccl_stand_in/stream.h"

namespace lambert::stand_in {
namespace {

constexpr int kSuccess = 0;
constexpr int kSystemError = 2;
constexpr int kInvalidUsage = 5;

struct Fault {
  std::string kind;
  int rank = -2;
  std::uint64_t collective = 0;
};

Fault read_fault() {
  Fault fault;
  const char* text = std::getenv("LAMBERT_STAND_IN_FAULT");
  std::istringstream(text == nullptr ? "" : text) >> fault.kind >> fault.rank >> fault.collective;
  return fault;
}

struct Communicator {
  Communicator(const std::string& name, int size, int own_rank)
      : exchange(name, size, own_rank), ranks(size), rank(own_rank), fault(read_fault()) {}
  Exchange exchange;
  int ranks;
  int rank;
  Fault fault;
  std::uint64_t collectives = 0;
  int registrations = 0;
  std::atomic<int> error = kSuccess;
};

std::size_t bytes_of(NcclType type) {
  switch (type) {
    case NcclType::bytes:
      return 1;
    case NcclType::int64:
      return sizeof(std::int64_t);
    case NcclType::float32:
      return sizeof(float);
    case NcclType::bfloat16:
      return sizeof(std::uint16_t);
  }
  return 0;
}

/// sum (count) += values (count); bf16 rounds every addition, as NCCL does.
void add(NcclType type, const std::byte* values, std::byte* sum, std::size_t count) {
  if (type == NcclType::float32) {
    add_floats(reinterpret_cast<const float*>(values), reinterpret_cast<float*>(sum), count);
  } else if (type == NcclType::int64) {
    add_integers(reinterpret_cast<const std::int64_t*>(values),
                 reinterpret_cast<std::int64_t*>(sum), count);
  } else if (type == NcclType::bfloat16) {
    std::vector<float> wide(count);
    auto* const encoded = reinterpret_cast<std::uint16_t*>(sum);
    decode_bfloat16(encoded, wide.data(), count);
    add_bfloat16(reinterpret_cast<const std::uint16_t*>(values), wide.data(), count);
    encode_bfloat16(wide.data(), encoded, count);
  } else {
    std::abort();  // sums of bytes are not used
  }
}

/// Calls step(first value, count) for pieces that fit into the exchange.
void in_pieces(std::size_t count, NcclType type,
               const std::function<bool(std::size_t, std::size_t)>& step) {
  const std::size_t largest = Exchange::kPieceBytes / bytes_of(type);
  for (std::size_t begin = 0; begin < count; begin += largest) {
    if (!step(begin, std::min(largest, count - begin))) {
      return;
    }
  }
}

/// The sum of send (count), added from rank `first` on around the circle, on the ranks that take
/// it.
void sum(Communicator& comm, const std::byte* send, std::byte* receive, std::size_t count,
         NcclType type, int first, bool takes) {
  const std::size_t width = bytes_of(type);
  in_pieces(count, type, [&](std::size_t begin, std::size_t values) {
    return comm.exchange.meet({send + begin * width, values * width}, [&] {
      for (int i = 0; takes && i < comm.ranks; ++i) {
        const std::byte* piece = comm.exchange.piece((first + i) % comm.ranks);
        if (i == 0) {
          std::memcpy(receive + begin * width, piece, values * width);
        } else {
          add(type, piece, receive + begin * width, values);
        }
      }
    });
  });
}

void copy_from(Communicator& comm, const std::byte* send, std::byte* receive, std::size_t count,
               NcclType type, int root) {
  const std::size_t width = bytes_of(type);
  in_pieces(count, type, [&](std::size_t begin, std::size_t values) {
    const bool sends = comm.rank == root;
    return comm.exchange.meet({send + begin * width, sends ? values * width : 0}, [&] {
      std::memcpy(receive + begin * width, comm.exchange.piece(root), values * width);
    });
  });
}

void gather(Communicator& comm, const std::byte* send, std::byte* receive, std::size_t count,
            NcclType type) {
  const std::size_t width = bytes_of(type);
  in_pieces(count, type, [&](std::size_t begin, std::size_t values) {
    return comm.exchange.meet({send + begin * width, values * width}, [&] {
      for (int rank = 0; rank < comm.ranks; ++rank) {
        std::memcpy(receive + (static_cast<std::size_t>(rank) * count + begin) * width,
                    comm.exchange.piece(rank), values * width);
      }
    });
  });
}

struct Group {
  int depth = 0;
  Communicator* comm = nullptr;
  void* stream = nullptr;
  std::vector<std::function<void(Communicator&)>> operations;
};

Group& group() {
  static thread_local Group open;
  return open;
}

void sleep_until_aborted(const Communicator& comm) {
  while (!comm.exchange.is_aborted()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

/// What the open group has gathered goes onto its stream, as one collective.
int launch(Group& done) {
  Communicator& comm = *done.comm;
  ++comm.collectives;
  const bool strikes = (comm.fault.rank == comm.rank || comm.fault.rank == -1) &&
                       comm.fault.collective == comm.collectives;
  const std::string kind = strikes ? comm.fault.kind : "";
  const auto operations = std::move(done.operations);
  done.operations.clear();
  if (kind == "block") {
    sleep_until_aborted(comm);
    return kSystemError;
  }
  stream_of(done.stream).put([&comm, kind, operations] {
    if (kind == "async-error") {
      comm.error = kSystemError;
    } else if (kind == "never") {
      sleep_until_aborted(comm);
    } else {
      for (const auto& operation : operations) {
        operation(comm);
      }
    }
  });
  return kSuccess;
}

int put(void* handle, void* stream, std::function<void(Communicator&)> operation) {
  Group& open = group();
  const bool is_alone = open.depth == 0;
  open.comm = static_cast<Communicator*>(handle);
  open.stream = stream;
  open.operations.push_back(std::move(operation));
  return is_alone ? launch(open) : kSuccess;
}

const std::byte* bytes(const void* memory) {
  return static_cast<const std::byte*>(memory);
}
std::byte* bytes(void* memory) {
  return static_cast<std::byte*>(memory);
}

}  // namespace
}  // namespace lambert::stand_in

using lambert::NcclType;
using lambert::NcclUniqueId;
using lambert::stand_in::bytes;
using lambert::stand_in::bytes_of;
using lambert::stand_in::Communicator;
using lambert::stand_in::copy_from;
using lambert::stand_in::Exchange;
using lambert::stand_in::gather;
using lambert::stand_in::group;
using lambert::stand_in::kInvalidUsage;
using lambert::stand_in::kSuccess;
using lambert::stand_in::kSystemError;
using lambert::stand_in::open_objects;
using lambert::stand_in::put;
using lambert::stand_in::sum;

extern "C" {

int ncclGetVersion(int* version) {
  *version = 22809;
  return kSuccess;
}

const char* ncclGetErrorString(int result) {
  return result == kSystemError ? "unhandled system error" : "another error of the stand-in";
}

const char* ncclGetLastError(void* /*comm*/) {
  return "stand-in";
}

int ncclGetUniqueId(NcclUniqueId* id) {
  const std::string name = Exchange::create();
  std::copy(name.begin(), name.end(), id->internal.begin());
  return kSuccess;
}

int ncclCommInitRank(void** comm, int ranks, NcclUniqueId id, int rank) {
  try {
    *comm = new Communicator(id.internal.data(), ranks, rank);
    ++open_objects();
    return kSuccess;
  } catch (const std::exception&) {
    return kSystemError;
  }
}

int ncclCommGetAsyncError(void* comm, int* error) {
  *error = static_cast<Communicator*>(comm)->error;
  return kSuccess;
}

int ncclCommFinalize(void* comm) {
  return static_cast<Communicator*>(comm)->registrations == 0 ? kSuccess : kInvalidUsage;
}

int ncclCommDestroy(void* comm) {
  delete static_cast<Communicator*>(comm);
  --open_objects();
  return kSuccess;
}

int ncclCommAbort(void* comm) {
  const char* how = std::getenv("LAMBERT_STAND_IN_ABORT");
  if (how != nullptr && std::string(how) == "hang") {
    std::this_thread::sleep_for(std::chrono::hours(1));
  }
  static_cast<Communicator*>(comm)->exchange.abort();
  return kSuccess;
}

int ncclCommRegister(void* comm, void* /*memory*/, std::size_t /*size*/, void** handle) {
  ++static_cast<Communicator*>(comm)->registrations;
  *handle = comm;
  return kSuccess;
}

int ncclCommDeregister(void* comm, void* handle) {
  --static_cast<Communicator*>(comm)->registrations;
  return handle == comm ? kSuccess : kInvalidUsage;
}

int ncclMemAlloc(void** memory, std::size_t size) {
  *memory = std::malloc(size);
  ++open_objects();
  return *memory == nullptr ? kSystemError : kSuccess;
}

int ncclMemFree(void* memory) {
  std::free(memory);
  --open_objects();
  return kSuccess;
}

int ncclGroupStart() {
  ++group().depth;
  return kSuccess;
}

int ncclGroupEnd() {
  auto& open = group();
  --open.depth;
  return open.depth == 0 && !open.operations.empty() ? lambert::stand_in::launch(open) : kSuccess;
}

int ncclAllReduce(const void* send, void* receive, std::size_t count, NcclType type,
                  int /*operation*/, void* comm, void* stream) {
  return put(comm, stream, [=](Communicator& ranks) {
    sum(ranks, bytes(send), bytes(receive), count, type, 0, true);
  });
}

int ncclReduceScatter(const void* send, void* receive, std::size_t count, NcclType type,
                      int /*operation*/, void* comm, void* stream) {
  return put(comm, stream, [=](Communicator& ranks) {
    for (int root = 0; root < ranks.ranks; ++root) {
      sum(ranks, bytes(send) + static_cast<std::size_t>(root) * count * bytes_of(type),
          bytes(receive), count, type, root + 1, root == ranks.rank);
    }
  });
}

int ncclReduce(const void* send, void* receive, std::size_t count, NcclType type, int /*operation*/,
               int root, void* comm, void* stream) {
  return put(comm, stream, [=](Communicator& ranks) {
    sum(ranks, bytes(send), bytes(receive), count, type, root + 1, root == ranks.rank);
  });
}

int ncclAllGather(const void* send, void* receive, std::size_t count, NcclType type, void* comm,
                  void* stream) {
  return put(comm, stream,
             [=](Communicator& ranks) { gather(ranks, bytes(send), bytes(receive), count, type); });
}

int ncclBroadcast(const void* send, void* receive, std::size_t count, NcclType type, int root,
                  void* comm, void* stream) {
  return put(comm, stream, [=](Communicator& ranks) {
    copy_from(ranks, bytes(send), bytes(receive), count, type, root);
  });
}

}  // extern "C"
