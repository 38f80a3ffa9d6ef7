// SPDX-License-Identifier: Apache-2.0
#include "gradients/gradient_buckets.h"

#include <algorithm>

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"
#include "gradients/bucket_cuts.h"

namespace lambert {
namespace {

/// Elements that a device reads and writes at once; a matrix product is slow where tensors do not
/// begin at a multiple.
constexpr std::int64_t kAlignment = 16;

/// The bucket's parameters, cut out of the reversed registration order: a bucket is closed before
/// the parameter that would make it larger than bucket_bytes; a parameter larger than that has a
/// bucket of its own. In a bucket, those that would spoil the alignment of the next come last.
std::vector<std::vector<std::size_t>> deal_into_buckets(
    const std::vector<NamedParameter>& parameters, std::int64_t bucket_bytes) {
  std::vector<std::vector<std::size_t>> dealt;
  std::int64_t open_bytes = 0;
  for (std::size_t index = parameters.size(); index-- > 0;) {
    const auto bytes = static_cast<std::int64_t>(parameters[index].master.nbytes());
    if (dealt.empty() || open_bytes + bytes > bucket_bytes) {
      dealt.emplace_back();
      open_bytes = 0;
    }
    dealt.back().push_back(index);
    open_bytes += bytes;
  }
  for (std::vector<std::size_t>& members : dealt) {
    std::stable_partition(members.begin(), members.end(), [&](std::size_t index) {
      return parameters[index].master.numel() % kAlignment == 0;
    });
  }
  return dealt;
}

}  // namespace

GradientBuckets::GradientBuckets(std::vector<NamedParameter> parameters, std::int64_t bucket_bytes)
    : parameters_(std::move(parameters)),
      views_(parameters_.size()),
      bucket_of_(parameters_.size(), 0) {
  for (const NamedParameter& parameter : parameters_) {
    LAMBERT_CHECK(parameter.master.scalar_type() == at::kFloat && parameter.master.is_contiguous(),
                  "master weight " + parameter.name + " is not contiguous fp32");
  }
  for (const std::vector<std::size_t>& members : deal_into_buckets(parameters_, bucket_bytes)) {
    std::int64_t elements = 0;
    for (const std::size_t index : members) {
      elements += parameters_[index].master.numel();
    }
    GradientBucket bucket{at::zeros({elements}, parameters_[members.front()].master.options()),
                          members};
    std::int64_t begin = 0;
    for (const std::size_t index : members) {
      const at::Tensor& master = parameters_[index].master;
      views_[index] = bucket.flat.narrow(0, begin, master.numel()).view(master.sizes());
      parameters_[index].master.mutable_grad() = views_[index];
      bucket_of_[index] = buckets_.size();
      begin += master.numel();
    }
    buckets_.push_back(std::move(bucket));
  }
}

void GradientBuckets::zero() {
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    zero(bucket);
  }
}

void GradientBuckets::zero(std::size_t bucket) {
  const at::Tensor& flat = buckets_[bucket].flat;
  if (!flat.device().is_cpu()) {
    flat.zero_();
    return;
  }
  for (const std::size_t index : buckets_[bucket].parameters) {
    if (parameters_[index].gradient) {
      parameters_[index].gradient->is_stale = true;
    } else {
      views_[index].zero_();
    }
  }
}

const at::Tensor& GradientBuckets::complete(std::size_t bucket) {
  for (const std::size_t index : buckets_[bucket].parameters) {
    clear_if_stale(views_[index], parameters_[index].gradient);
  }
  return buckets_[bucket].flat;
}

std::string GradientBuckets::name(std::size_t bucket) const {
  return "bucket " + std::to_string(bucket) + " (" +
         parameters_[buckets_[bucket].parameters.front()].name + ")";
}

ShareCuts GradientBuckets::cuts(std::size_t bucket, int ranks) const {
  std::vector<std::size_t> sizes;
  for (const std::size_t index : buckets_[bucket].parameters) {
    sizes.push_back(static_cast<std::size_t>(parameters_[index].master.numel()));
  }
  return cut_bucket(sizes, ranks);
}

void GradientBuckets::check_views() const {
  for (std::size_t index = 0; index < parameters_.size(); ++index) {
    const at::Tensor& gradient = parameters_[index].master.grad();
    LAMBERT_CHECK(gradient.defined() && gradient.const_data_ptr() == views_[index].const_data_ptr(),
                  "the gradient of " + parameters_[index].name + " left its bucket");
  }
}

}  // namespace lambert
