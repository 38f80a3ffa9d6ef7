// SPDX-License-Identifier: Apache-2.0
#include "ops/differentiable.h"

#include <utility>

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/custom_function.h>

#include "base/error.h"

namespace lambert {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// What the context of a node can keep.
struct HeldBackward : torch::CustomClassHolder {
  explicit HeldBackward(BlockBackward held) : backward(std::move(held)) {}
  BlockBackward backward;
};

/// Not a tensor for autograd, so that it is handed through.
struct Computed {
  at::Tensor output;
  BlockBackward backward;
};

struct Block : torch::autograd::Function<Block> {
  static at::Tensor forward(AutogradContext* context, at::TensorList /*inputs*/,
                            const Computed& computed) {
    context->saved_data["backward"] =
        c10::IValue::make_capsule(c10::make_intrusive<HeldBackward>(computed.backward));
    return computed.output;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto held = context->saved_data.at("backward").toCapsule();
    context->saved_data.clear();
    const BlockBackward backward = std::move(static_cast<HeldBackward*>(held.get())->backward);
    variable_list result = backward(gradients[0].contiguous());
    result.emplace_back();  // of what is no tensor
    return result;
  }
};

}  // namespace

at::Tensor differentiable(const at::Tensor& output, const std::vector<at::Tensor>& inputs,
                          BlockBackward backward) {
  if (!at::GradMode::is_enabled()) {
    return output;
  }
  return Block::apply(at::TensorList(inputs), Computed{output, std::move(backward)});
}

}  // namespace lambert
