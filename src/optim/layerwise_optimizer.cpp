// SPDX-License-Identifier: Apache-2.0
#include "optim/layerwise_optimizer.h"

#include <cmath>

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"
#include "gradients/bucket_cuts.h"
#include "ops/tensor_views.h"
#include "optim/parameter_treatment.h"
#include "optim/tensor_blocks.h"

namespace lambert {
namespace {

static_assert(kNormBlock == kUpdateBlock, "shares are cut where blocks begin");

bool has_copy(const NamedParameter& parameter) {
  return parameter.compute.const_data_ptr() != parameter.master.const_data_ptr();
}

bool is_narrow(at::ScalarType type) {
  return type == at::kBFloat16 || type == at::kHalf;
}

ElementType type_of_copy(const NamedParameter& parameter) {
  return parameter.compute.scalar_type() == at::kHalf ? ElementType::float16
                                                      : ElementType::bfloat16;
}

}  // namespace

LayerwiseOptimizer::LayerwiseOptimizer(const OptimizerConfig& config,
                                       const std::vector<NamedParameter>& parameters,
                                       bool has_second_moment, ShardedParameters* sharded)
    : config_(config),
      parameters_(parameters),
      sharded_(sharded),
      treatments_(choose_treatments(config, parameters)),
      updates_(parameters.size()) {
  for (std::size_t index = 0; index < parameters_.size(); ++index) {
    check(parameters_[index]);
    const at::IntArrayRef shape = sharded_ == nullptr ? parameters_[index].master.sizes()
                                                      : sharded_->own_weight(index).sizes();
    const auto fp32 = at::TensorOptions(at::kFloat).device(parameters_[index].master.device());
    moments_.push_back({parameters_[index].name, at::zeros(shape, fp32),
                        has_second_moment ? at::zeros(shape, fp32) : at::Tensor()});
  }
}

void LayerwiseOptimizer::check(const NamedParameter& parameter) const {
  LAMBERT_CHECK(parameter.master.scalar_type() == at::kFloat &&
                    (sharded_ != nullptr || parameter.master.is_contiguous()),
                "master weight " + parameter.name + " is not contiguous fp32");
  LAMBERT_CHECK(
      !has_copy(parameter) ||
          (is_narrow(parameter.compute.scalar_type()) && parameter.compute.is_contiguous()),
      "compute weight " + parameter.name + " is neither the master nor contiguous bf16 or fp16");
}

void LayerwiseOptimizer::reset_moments() {
  step_count_ = 0;
  for (OptimizerMoments& moments : moments_) {
    moments.first.zero_();
    if (moments.second.defined()) {
      moments.second.zero_();
    }
  }
}

void LayerwiseOptimizer::step(const ReducedGradients& gradients, double clip_scale,
                              double learning_rate) {
  LAMBERT_CHECK(gradients.buckets().parameters().size() == parameters_.size() &&
                    gradients.sharded() == sharded_,
                "other parameters or shares than before");
  ++step_count_;
  for (const NamedParameter& parameter : parameters_) {
    // The kernels write through pointers; copies of the weights are known to be old by the version.
    parameter.compute.unsafeGetTensorImpl()->bump_version();
  }
  begin_step(clip_scale, learning_rate);
  if (is_on_device()) {
    step_on_device(gradients);
  } else if (sharded_ == nullptr) {
    step_whole(gradients);
  } else {
    step_own_ranges(gradients);
  }
}

/// Tensor by tensor, so that a small one is still in the cache when its second pass comes.
void LayerwiseOptimizer::step_whole(const ReducedGradients& gradients) {
  std::vector<SquaredNorms> sums;
  for (std::size_t index = 0; index < parameters_.size(); ++index) {
    const UpdateBlock tensor = whole_tensor(index, gradients);
    sums.resize(block_count_of(tensor.count));
    measure_blocks(tensor, sums, [&](const UpdateBlock& block) { return measure(index, block); });
    apply_to_blocks(index, tensor, sum_in_order(sums));
  }
}

void LayerwiseOptimizer::step_own_ranges(const ReducedGradients& gradients) {
  std::vector<SquaredNorms> sums(sharded_->block_count());
  for (std::size_t index = 0; index < parameters_.size(); ++index) {
    const UpdateBlock own = own_range(index, gradients);
    const std::size_t first =
        sharded_->first_block(index) + sharded_->own_range(index).begin / kUpdateBlock;
    measure_blocks(own, std::span(sums).subspan(first, block_count_of(own.count)),
                   [&](const UpdateBlock& block) { return measure(index, block); });
  }
  sharded_->complete(std::as_writable_bytes(std::span(sums)));
  const std::vector<GradientBucket>& buckets = gradients.buckets().buckets();
  for (std::size_t bucket = 0; bucket < buckets.size(); ++bucket) {
    for (const std::size_t index : buckets[bucket].parameters) {
      const auto elements = static_cast<std::size_t>(parameters_[index].master.numel());
      const std::size_t blocks = block_count_of(elements);
      apply_to_blocks(index, own_range(index, gradients),
                      sum_in_order(std::span(sums).subspan(sharded_->first_block(index), blocks)));
    }
    sharded_->start_gather(bucket);  // travels while the next bucket is updated
  }
  sharded_->finish_gather();
}

/// Its addresses stay the same for the life of the run.
DeviceUpdate& LayerwiseOptimizer::device_update(const ReducedGradients& gradients) {
  if (device_update_ == nullptr) {
    std::vector<UpdateBlock> ranges;
    std::vector<std::size_t> element_counts;
    for (std::size_t index = 0; index < parameters_.size(); ++index) {
      ranges.push_back(sharded_ == nullptr ? whole_tensor(index, gradients)
                                           : own_range(index, gradients));
      element_counts.push_back(static_cast<std::size_t>(parameters_[index].master.numel()));
    }
    device_update_ = std::make_unique<DeviceUpdate>(ranges, element_counts, treatments_, sharded_,
                                                    parameters_.front().master.device());
  }
  return *device_update_;
}

void LayerwiseOptimizer::step_on_device(const ReducedGradients& gradients) {
  device_update(gradients).step(device_step());
  if (sharded_ != nullptr) {
    for (std::size_t bucket = 0; bucket < gradients.buckets().buckets().size(); ++bucket) {
      sharded_->start_gather(bucket);
    }
    sharded_->finish_gather();
  }
}

GradientNorm LayerwiseOptimizer::measure_norm(const ReducedGradients& gradients) {
  if (!is_on_device()) {
    return measure_gradient_norm(gradients);
  }
  const GradientSquares squares = device_update(gradients).measure_gradients();
  GradientNorm norm{std::sqrt(squares.sum), std::isfinite(squares.sum)};
  if (squares.first_non_finite >= 0) {
    norm.non_finite_tensor = parameters_[static_cast<std::size_t>(squares.first_non_finite)].name;
  }
  return norm;
}

std::vector<TensorUpdate> LayerwiseOptimizer::last_updates() const {
  return device_update_ == nullptr ? updates_ : device_update_->last_updates();
}

void LayerwiseOptimizer::apply_to_blocks(std::size_t index, const UpdateBlock& range,
                                         const SquaredNorms& squared) {
  const float rate = rate_of(index, std::sqrt(squared.weight), std::sqrt(squared.update));
  for_each_block(range, [&](const UpdateBlock& block) { apply(index, block, rate); });
}

/// Weights are written through plain pointers: autograd is not involved.
UpdateBlock LayerwiseOptimizer::whole_tensor(std::size_t index,
                                             const ReducedGradients& gradients) const {
  const NamedParameter& parameter = parameters_[index];
  const OptimizerMoments& moments = moments_[index];
  return {static_cast<float*>(parameter.master.data_ptr()),
          floats_of(gradients.buckets().gradient(index)),
          mutable_floats_of(moments.first),
          moments.second.defined() ? mutable_floats_of(moments.second) : nullptr,
          has_copy(parameter) ? static_cast<std::uint16_t*>(parameter.compute.data_ptr()) : nullptr,
          static_cast<std::size_t>(parameter.master.numel()),
          type_of_copy(parameter)};
}

UpdateBlock LayerwiseOptimizer::own_range(std::size_t index,
                                          const ReducedGradients& gradients) const {
  const ElementRange range = sharded_->own_range(index);
  UpdateBlock own = whole_tensor(index, gradients);
  own.weight = static_cast<float*>(sharded_->own_weight(index).data_ptr());
  own.gradient += range.begin;
  own.rounded_weight = own.rounded_weight == nullptr ? nullptr : own.rounded_weight + range.begin;
  own.count = range.size();
  return own;  // the moments are those of the range
}

TrustRatioLimits LayerwiseOptimizer::limits() const {
  return {config_.trust_ratio_min, config_.trust_ratio_max, config_.weight_norm_max};
}

const TensorUpdate& LayerwiseOptimizer::choose_update(std::size_t index, double weight_norm,
                                                      double update_norm) {
  updates_[index] = tensor_update(limits(), treatments_[index].adapted, weight_norm, update_norm);
  return updates_[index];
}

}  // namespace lambert
