// SPDX-License-Identifier: Apache-2.0
#include "train/residual_tensors.h"

#include <memory>
#include <utility>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>

#include "checkpoint/residual_file.h"

namespace lambert {
namespace {

/// A tensor that one rank has.
class OfOneRank final : public TensorParts {
 public:
  OfOneRank(Communicator& communicator, int owner, std::string name, at::Tensor own)
      : communicator_(communicator), owner_(owner), name_(std::move(name)), own_(std::move(own)) {}
  at::Tensor gather() override {
    at::Tensor whole = communicator_.rank() == owner_ ? own_.clone() : at::empty_like(own_);
    ShareCuts cuts(static_cast<std::size_t>(owner_) + 1, 0);  // all bytes are the owner's
    cuts.resize(static_cast<std::size_t>(communicator_.size()) + 1, whole.nbytes());
    communicator_
        .start_all_gather({static_cast<std::byte*>(whole.data_ptr()), whole.nbytes()}, cuts,
                          "saving " + name_)
        ->wait();
    return whole;
  }
  void take(const at::Tensor& whole) override {
    if (communicator_.rank() == owner_) {
      own_.copy_(whole);
    }
  }

 private:
  Communicator& communicator_;
  int owner_;
  std::string name_;
  at::Tensor own_;  // of this rank; a view
};

}  // namespace

std::vector<NamedTensor> own_residuals(const GradientReducer& reducer,
                                       const std::vector<NamedParameter>& parameters) {
  std::vector<NamedTensor> tensors;
  for (std::size_t index = 0; index < parameters.size(); ++index) {
    tensors.push_back({parameters[index].name, reducer.residual(index)});
  }
  return tensors;
}

std::vector<NamedTensor> bind_residuals(Communicator& communicator,
                                        const std::vector<NamedTensor>& own) {
  std::vector<NamedTensor> tensors;
  for (int rank = 0; rank < communicator.size(); ++rank) {
    for (const NamedTensor& named : own) {
      const std::string name = residual_name(named.name, rank);
      tensors.push_back({name, named.tensor,
                         std::make_shared<OfOneRank>(communicator, rank, name, named.tensor)});
    }
  }
  return tensors;
}

}  // namespace lambert
