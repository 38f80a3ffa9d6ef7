// SPDX-License-Identifier: Apache-2.0
#include "train/sharded_tensors.h"

#include <memory>
#include <utility>

namespace lambert {
namespace {

/// A tensor of which every rank keeps its own range.
class OwnRange : public TensorParts {
 public:
  OwnRange(ShardedParameters& sharded, std::size_t parameter, at::Tensor own)
      : sharded_(sharded), parameter_(parameter), own_(std::move(own)) {}
  at::Tensor gather() override { return sharded_.gather(parameter_, own_); }
  void take(const at::Tensor& whole) override { own_.copy_(sharded_.own_part(parameter_, whole)); }

 private:
  ShardedParameters& sharded_;
  std::size_t parameter_;
  at::Tensor own_;  // (own elements) fp32
};

/// A master weight: loading it sets the compute weight too.
class OwnWeight final : public OwnRange {
 public:
  OwnWeight(ShardedParameters& sharded, std::size_t parameter)
      : OwnRange(sharded, parameter, sharded.own_weight(parameter)),
        sharded_(sharded),
        parameter_(parameter) {}
  void take(const at::Tensor& whole) override { sharded_.set_weight(parameter_, whole); }

 private:
  ShardedParameters& sharded_;
  std::size_t parameter_;
};

}  // namespace

std::vector<NamedTensor> bind_weights(ShardedParameters& sharded) {
  std::vector<NamedTensor> tensors;
  const std::vector<NamedParameter>& parameters = sharded.buckets().parameters();
  for (std::size_t index = 0; index < parameters.size(); ++index) {
    const NamedParameter& parameter = parameters[index];
    const bool is_whole = parameter.compute.is_same(parameter.master);  // on every rank
    tensors.push_back({parameter.name, parameter.master.detach(),
                       is_whole ? nullptr : std::make_shared<OwnWeight>(sharded, index)});
  }
  return tensors;
}

std::vector<NamedTensor> bind_moments(Optimizer& optimizer, ShardedParameters& sharded) {
  std::vector<NamedTensor> tensors;
  for (std::size_t index = 0; index < optimizer.moments().size(); ++index) {
    const OptimizerMoments& moments = optimizer.moments()[index];
    const at::Tensor shape = sharded.buckets().parameters()[index].master.detach();
    tensors.push_back({moments.name + ".exp_avg", shape,
                       std::make_shared<OwnRange>(sharded, index, moments.first)});
    if (moments.second.defined()) {
      tensors.push_back({moments.name + ".exp_avg_sq", shape,
                         std::make_shared<OwnRange>(sharded, index, moments.second)});
    }
  }
  return tensors;
}

}  // namespace lambert
