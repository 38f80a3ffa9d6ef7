// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "comm/communicator.h"
#include "ops/parameter_gradient.h"

namespace lambert {

/// A tensor that is trained: master is an autograd leaf, compute the weights that the forward pass
/// uses (the same tensor in fp32, a copy of that type in bf16 and fp16).
struct NamedParameter {
  std::string name;
  at::Tensor master;                              // fp32
  at::Tensor compute;                             // fp32, bf16 or fp16
  std::shared_ptr<GradientMemory> gradient = {};  // none: zeros at the start of a step
};

/// One contiguous piece of gradient memory that is reduced at once.
struct GradientBucket {
  at::Tensor flat;                      // (elements) fp32
  std::vector<std::size_t> parameters;  // indices into parameters(), in bucket order
};

/// Flat gradient memory: every master.grad is a view into a bucket, for the life of the run.
/// Buckets follow the reverse of registration order, because the backward pass finishes the last
/// layers first.
class GradientBuckets {
 public:
  GradientBuckets(std::vector<NamedParameter> parameters, std::int64_t bucket_bytes);

  /// At the start of a step: all gradients become zeros, or stale where that is enough.
  void zero();
  /// The same for one bucket. (A reproducible reduction empties it after each micro-batch.)
  void zero(std::size_t bucket);
  /// The bucket's memory, when no more is added: what nothing has written since zero() becomes
  /// zeros.
  const at::Tensor& complete(std::size_t bucket);
  /// Throws InternalError when a .grad no longer aliases its bucket (zero_grad(set_to_none) would
  /// do that).
  void check_views() const;

  const std::vector<NamedParameter>& parameters() const { return parameters_; }
  std::vector<GradientBucket>& buckets() { return buckets_; }
  const std::vector<GradientBucket>& buckets() const { return buckets_; }
  std::size_t bucket_of(std::size_t parameter) const { return bucket_of_[parameter]; }
  /// "bucket 3 (name of its first parameter)", for messages.
  std::string name(std::size_t bucket) const;
  /// One share of the bucket for each rank; see bucket_cuts.h.
  ShareCuts cuts(std::size_t bucket, int ranks) const;
  /// Gradient of a parameter, fp32, shape of master.
  const at::Tensor& gradient(std::size_t parameter) const { return views_[parameter]; }

 private:
  std::vector<NamedParameter> parameters_;
  std::vector<GradientBucket> buckets_;
  std::vector<at::Tensor> views_;
  std::vector<std::size_t> bucket_of_;
};

}  // namespace lambert
