// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace lambert {

/// What the ring sums. Sums of integers do not depend on the order of adding.
using ReductionValues = std::variant<std::span<float>, std::span<std::int64_t>>;

/// A reduction in flight. Destroying it unfinished is allowed only after a CommError.
class PendingReduction {
 public:
  virtual ~PendingReduction() = default;
  /// Blocks until the sum is complete on this rank. Throws CommError naming the collective and the
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
  /// In place, by the ring; identical bits on all ranks. `name` appears in error messages.
  /// The memory must stay untouched until wait() returned. Reductions complete in the order they
  /// were started.
  virtual std::unique_ptr<PendingReduction> start_all_reduce_sum(ReductionValues values,
                                                                 std::string name) = 0;
  /// All ranks' bytes on every rank, in rank order; sizes may differ.
  virtual std::vector<std::vector<std::byte>> all_gather(std::span<const std::byte> bytes) = 0;
};

/// The communicator of a run without other ranks.
std::unique_ptr<Communicator> make_single_communicator();

}  // namespace lambert
