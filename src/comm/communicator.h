// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace lambert {

/// What the ring sums. Sums of integers do not depend on the order of adding.
using ReductionValues = std::variant<std::span<float>, std::span<std::int64_t>>;

/// Where values are cut into one share for each rank: size() + 1 ascending offsets from 0 to their
/// number; rank r owns the values cuts[r] to cuts[r + 1]. A share may be empty.
using ShareCuts = std::vector<std::size_t>;

/// Equal shares, but for the last ones, in multiples of 16 values.
ShareCuts cut_evenly(std::size_t count, int ranks);

enum class RingKind {
  all_reduce,      // every rank ends with the sum
  reduce_scatter,  // every rank ends with the sum of its share; the rest of its values is spoilt
  all_gather,      // every rank's share goes to all ranks, exactly as it is
};

/// A CUDA stream (cudaStream_t) as a handle that nobody here looks into; null is CUDA's default
/// stream.
struct DeviceStream {
  void* handle = nullptr;
  void* mark = nullptr;  // a cudaEvent_t on it, or null
};

/// Work for the ring, in place.
struct RingWork {
  RingKind kind = RingKind::all_reduce;
  std::variant<std::span<float>, std::span<std::int64_t>, std::span<std::byte>> values;
  ShareCuts cuts;
  /// Empty, or as many as the fp32 values of a sum: added to them at first; ends as what rounding
  /// on the wire took from the sum on this rank (see the story in ring_all_reduce.h).
  std::span<float> residual;
  std::string name;  // appears in error messages
  /// Set: values lie in device memory, and are ready when this stream has done what was put on it
  /// before its mark, or without one before the work was started. Not set: host memory, ready now.
  std::optional<DeviceStream> producer = {};
};

/// Work of the ring in flight. Destroying it unfinished is allowed only after a CommError.
class PendingCollective {
 public:
  virtual ~PendingCollective() = default;
  /// Blocks until the work is complete on this rank. Throws CommError naming the collective and the
  /// late rank.
  virtual void wait() = 0;
};

/// A channel between the ranks of a run. Every rank makes the same calls in the same order. Every
/// wait has the configured deadline; passing it throws CommError naming the silent rank. Called
/// from one thread.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// Ranks on this machine (for the default of threads_per_rank).
  virtual int local_size() const = 0;
  /// Host of a rank, for messages.
  virtual std::string host_of(int rank) const = 0;

  virtual void barrier() = 0;
  virtual void broadcast(std::span<std::byte> bytes, int root) = 0;
  /// In place; the result has identical bits on all ranks. For a few numbers: counts, losses,
  /// flags.
  virtual void all_reduce_sum(std::span<double> values) = 0;
  virtual void all_reduce_max(std::span<double> values) = 0;
  /// All ranks' bytes on every rank, in rank order; sizes may differ.
  virtual std::vector<std::vector<std::byte>> all_gather(std::span<const std::byte> bytes) = 0;

  /// Tells of device memory that works will name again and again; NCCL can move such memory without
  /// copies of its own. It must outlive the communicator. Every rank makes the same calls.
  virtual void register_memory(std::span<std::byte> /*device_memory*/) {}

  /// In place, by the ring. The memory must stay untouched until wait() returned. Work is completed
  /// in the order in which it was started.
  virtual std::unique_ptr<PendingCollective> start(RingWork work) = 0;
  /// The sum, identical bits on all ranks.
  std::unique_ptr<PendingCollective> start_all_reduce_sum(
      ReductionValues values, std::string name, std::optional<DeviceStream> producer = {});
  /// This rank's share of the sum, the bits of an all-reduce with the same cuts.
  std::unique_ptr<PendingCollective> start_reduce_scatter_sum(
      ReductionValues values, ShareCuts cuts, std::string name,
      std::optional<DeviceStream> producer = {});
  /// Every rank's share on all ranks. cuts: in bytes.
  std::unique_ptr<PendingCollective> start_all_gather(std::span<std::byte> bytes, ShareCuts cuts,
                                                      std::string name,
                                                      std::optional<DeviceStream> producer = {});
};

/// The communicator of a run without other ranks.
std::unique_ptr<Communicator> make_single_communicator();

}  // namespace lambert
