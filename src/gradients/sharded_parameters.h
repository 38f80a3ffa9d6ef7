// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "comm/communicator.h"
#include "gradients/gradient_buckets.h"

namespace lambert {

/// Consecutive elements of a flattened parameter.
struct ElementRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t size() const { return end - begin; }
};

// The story of the sharded step
// -----------------------------
// ZeRO stage 1 (Rajbhandari et al. 2020; Megatron-LM's distributed optimizer). Each gradient bucket
// is cut into one SHARE per rank, at the beginning of norm blocks (see bucket_cuts.h). A rank gets
// the reduced gradient of its share only, keeps moments and fp32 master weights of its share only,
// and updates it. What the whole network must know goes around twice:
//   * the sums of squares of the norm blocks, before the update: every rank then adds all of them
//     in the same order as a run that is not sharded does, so norms, the clip scale and the trust
//     ratios have the same bits as there;
//   * the updated compute weights, after it, as they are: fp32, or bf16 or fp16 (half the bytes).
// So a sharded run has the bits of one that is not sharded.

/// Which elements of each parameter this rank updates, and the weights of them. Owns the memory of
/// all compute weights, and the master weights of the own share where these are not the compute
/// weights (bf16, fp16). The model's tensors stay what they were to it, but a bf16 or fp16
/// parameter's `master` keeps shape and gradient only: its content is gone. Every rank makes the
/// same calls.
class ShardedParameters {
 public:
  ShardedParameters(Communicator& communicator, const GradientBuckets& buckets);

  const GradientBuckets& buckets() const { return buckets_; }
  ElementRange own_range(std::size_t parameter) const { return range_of(rank_, parameter); }
  /// Master weights of the own range: (own elements) fp32.
  const at::Tensor& own_weight(std::size_t parameter) const { return own_weights_[parameter]; }
  /// A view of the own range of a tensor with the shape of the parameter: (own elements).
  at::Tensor own_part(std::size_t parameter, const at::Tensor& whole) const;
  /// Loads a weight: whole, fp32, shape of the parameter.
  void set_weight(std::size_t parameter, const at::Tensor& whole);
  /// All ranks together: a whole tensor, fp32, shape of the parameter, from the ranks' own ranges.
  at::Tensor gather(std::size_t parameter, const at::Tensor& own);
  /// What every rank holds, for the comparison between ranks: compute weights as masters too.
  std::vector<NamedParameter> replicated() const;

  /// Norm blocks of all parameters, and the first one of a parameter.
  std::size_t block_count() const { return first_blocks_.back(); }
  std::size_t first_block(std::size_t parameter) const { return first_blocks_[parameter]; }
  /// Something of each norm block, filled in for the blocks of the own ranges: the others' comes
  /// from their ranks.
  void complete(std::span<std::byte> of_blocks);

  /// The bucket's compute weights are up to date on this rank: sends them around. Blocks only in
  /// finish_gather(). Throws CommError naming the bucket.
  void start_gather(std::size_t bucket);
  void finish_gather();
  /// Time spent waiting in complete() and finish_gather() since the last reset.
  double waited_seconds() const { return waited_seconds_; }
  void reset_waited_seconds() { waited_seconds_ = 0.0; }

 private:
  /// Compute weights of a bucket, one after the other in bucket order.
  struct WeightMemory {
    at::Tensor bytes;     // (bytes) uint8
    ShareCuts byte_cuts;  // where the bucket is cut
  };
  void find_ranges();
  WeightMemory move_compute_weights(const GradientBucket& bucket);
  void keep_own_masters();
  ElementRange range_of(std::size_t rank, std::size_t parameter) const {
    return {parameter_cuts_[parameter][rank], parameter_cuts_[parameter][rank + 1]};
  }

  Communicator& communicator_;
  const GradientBuckets& buckets_;
  std::size_t rank_;
  std::vector<ShareCuts> parameter_cuts_;  // per parameter, in its elements
  std::vector<std::size_t> first_blocks_;  // per parameter, and the count of all
  std::vector<WeightMemory> memory_;       // per bucket
  std::vector<at::Tensor> own_weights_;    // per parameter, (own elements) fp32
  std::vector<std::unique_ptr<PendingCollective>> pending_;
  double waited_seconds_ = 0.0;
};

}  // namespace lambert
