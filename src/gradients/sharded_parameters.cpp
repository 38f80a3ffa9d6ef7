// SPDX-License-Identifier: Apache-2.0
#include "gradients/sharded_parameters.h"

#include <algorithm>
#include <string>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include "base/clock.h"
#include "base/error.h"
#include "gradients/bucket_cuts.h"
#include "gradients/device_work.h"

namespace lambert {
namespace {

constexpr std::size_t kAlignment = 64;  // of a tensor in its memory: a cache line

std::size_t element_count(const at::Tensor& tensor) {
  return static_cast<std::size_t>(tensor.numel());
}

at::Tensor part_of(const at::Tensor& whole, const ElementRange& range) {
  return whole.detach().view({-1}).narrow(0, static_cast<std::int64_t>(range.begin),
                                          static_cast<std::int64_t>(range.size()));
}

std::span<std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()};
}

bool has_own_master(const NamedParameter& parameter) {
  return parameter.master.const_data_ptr() != parameter.compute.const_data_ptr();
}

ShareCuts in_bytes(ShareCuts cuts, std::size_t element_size) {
  for (std::size_t& cut : cuts) {
    cut *= element_size;
  }
  return cuts;
}

}  // namespace

ShardedParameters::ShardedParameters(Communicator& communicator, const GradientBuckets& buckets)
    : communicator_(communicator),
      buckets_(buckets),
      rank_(static_cast<std::size_t>(communicator.rank())),
      parameter_cuts_(buckets.parameters().size()),
      first_blocks_(1, 0) {
  find_ranges();
  for (const GradientBucket& bucket : buckets_.buckets()) {
    memory_.push_back(move_compute_weights(bucket));
  }
  keep_own_masters();
}

void ShardedParameters::find_ranges() {
  for (std::size_t bucket = 0; bucket < buckets_.buckets().size(); ++bucket) {
    const ShareCuts cuts = buckets_.cuts(bucket, communicator_.size());
    std::size_t begin = 0;
    for (const std::size_t index : buckets_.buckets()[bucket].parameters) {
      const std::size_t end = begin + element_count(buckets_.parameters()[index].master);
      for (const std::size_t cut : cuts) {
        parameter_cuts_[index].push_back(std::clamp(cut, begin, end) - begin);
      }
      begin = end;
    }
  }
  for (const NamedParameter& parameter : buckets_.parameters()) {
    const std::size_t blocks = (element_count(parameter.master) + kNormBlock - 1) / kNormBlock;
    first_blocks_.push_back(first_blocks_.back() + blocks);
  }
}

/// The tensors keep their identity and get other memory, so that the model and autograd notice
/// nothing.
ShardedParameters::WeightMemory ShardedParameters::move_compute_weights(
    const GradientBucket& bucket) {
  std::vector<std::size_t> begins;
  std::size_t end = 0;
  for (const std::size_t index : bucket.parameters) {
    begins.push_back((end + kAlignment - 1) / kAlignment * kAlignment);
    end = begins.back() + buckets_.parameters()[index].compute.nbytes();
  }
  const at::Device device = buckets_.parameters()[bucket.parameters.front()].compute.device();
  WeightMemory memory{
      at::zeros({static_cast<std::int64_t>(end)}, at::TensorOptions(at::kByte).device(device)),
      {0}};
  for (std::size_t i = 0; i < begins.size(); ++i) {
    at::Tensor compute = buckets_.parameters()[bucket.parameters[i]].compute;
    const at::Tensor home = memory.bytes
                                .narrow(0, static_cast<std::int64_t>(begins[i]),
                                        static_cast<std::int64_t>(compute.nbytes()))
                                .view(compute.scalar_type())
                                .view(compute.sizes());
    home.copy_(compute.detach());
    compute.set_data(home);
  }
  for (std::size_t rank = 1; rank < static_cast<std::size_t>(communicator_.size()); ++rank) {
    std::size_t cut = end;
    for (std::size_t i = begins.size(); i-- > 0;) {  // the first tensor that is not before the cut
      const std::size_t index = bucket.parameters[i];
      const std::size_t before = parameter_cuts_[index][rank];
      const at::Tensor& compute = buckets_.parameters()[index].compute;
      if (before < element_count(compute)) {
        cut = begins[i] + before * compute.element_size();
      }
    }
    memory.byte_cuts.push_back(cut);
  }
  memory.byte_cuts.push_back(end);
  return memory;
}

void ShardedParameters::keep_own_masters() {
  for (std::size_t index = 0; index < buckets_.parameters().size(); ++index) {
    const NamedParameter& parameter = buckets_.parameters()[index];
    at::Tensor master = parameter.master;
    const at::Tensor own = own_part(index, master);
    if (has_own_master(parameter)) {
      own_weights_.push_back(own.clone());
      master.set_data(at::zeros({1}, master.options()).expand(master.sizes()));
    } else {
      own_weights_.push_back(own);
    }
  }
}

at::Tensor ShardedParameters::own_part(std::size_t parameter, const at::Tensor& whole) const {
  return part_of(whole, own_range(parameter));
}

void ShardedParameters::set_weight(std::size_t parameter, const at::Tensor& whole) {
  own_weights_[parameter].copy_(own_part(parameter, whole));
  buckets_.parameters()[parameter].compute.detach().copy_(whole);
}

at::Tensor ShardedParameters::gather(std::size_t parameter, const at::Tensor& own) {
  const NamedParameter& named = buckets_.parameters()[parameter];
  const auto fp32 = at::TensorOptions(at::kFloat).device(own.device());
  const at::Tensor whole = at::empty(named.master.sizes(), fp32);
  own_part(parameter, whole).copy_(own);
  communicator_
      .start_all_gather(bytes_of(whole), in_bytes(parameter_cuts_[parameter], sizeof(float)),
                        "whole " + named.name, producer_of(whole))
      ->wait();
  return whole;
}

std::vector<NamedParameter> ShardedParameters::replicated() const {
  std::vector<NamedParameter> parameters;
  for (const NamedParameter& parameter : buckets_.parameters()) {
    parameters.push_back({parameter.name, parameter.compute.detach(), parameter.compute.detach()});
  }
  return parameters;
}

void ShardedParameters::complete(std::span<std::byte> of_blocks) {
  const std::size_t size = of_blocks.size() / block_count();
  LAMBERT_CHECK(size * block_count() == of_blocks.size(), "not one item for each norm block");
  const auto blocks_of = [&](std::size_t rank, std::size_t parameter) {
    const ElementRange range = range_of(rank, parameter);
    const std::size_t first = first_blocks_[parameter] + range.begin / kNormBlock;
    const std::size_t count = (range.size() + kNormBlock - 1) / kNormBlock;
    return of_blocks.subspan(first * size, count * size);
  };
  const Stopwatch waiting;
  std::vector<std::byte> own;
  for (std::size_t parameter = 0; parameter < parameter_cuts_.size(); ++parameter) {
    const std::span<std::byte> blocks = blocks_of(rank_, parameter);
    own.insert(own.end(), blocks.begin(), blocks.end());
  }
  const std::vector<std::vector<std::byte>> all = communicator_.all_gather(own);
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    std::size_t taken = 0;
    for (std::size_t parameter = 0; parameter < parameter_cuts_.size(); ++parameter) {
      const std::span<std::byte> blocks = blocks_of(rank, parameter);
      LAMBERT_CHECK(taken + blocks.size() <= all[rank].size(), "too few norm blocks");
      std::copy_n(all[rank].data() + taken, blocks.size(), blocks.data());
      taken += blocks.size();
    }
  }
  waited_seconds_ += waiting.seconds();
}

void ShardedParameters::start_gather(std::size_t bucket) {
  const WeightMemory& memory = memory_[bucket];
  pending_.push_back(communicator_.start_all_gather(bytes_of(memory.bytes), memory.byte_cuts,
                                                    "weights of " + buckets_.name(bucket),
                                                    producer_of(memory.bytes)));
}

void ShardedParameters::finish_gather() {
  const Stopwatch waiting;
  for (const std::unique_ptr<PendingCollective>& gathering : pending_) {
    gathering->wait();
  }
  pending_.clear();
  waited_seconds_ += waiting.seconds();
}

}  // namespace lambert
