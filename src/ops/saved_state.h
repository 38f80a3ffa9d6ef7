// SPDX-License-Identifier: Apache-2.0
// Hands a struct from a fused function's forward pass to its backward pass. The struct must not
// hold the function's own outputs: they would keep each other alive.
#pragma once

#include <utility>

#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/custom_function.h>

namespace lambert {

template <typename State>
struct SavedState : torch::CustomClassHolder {
  explicit SavedState(State saved) : state(std::move(saved)) {}
  State state;
};

template <typename State>
void save_state(torch::autograd::AutogradContext* context, State state) {
  context->saved_data["state"] =
      c10::IValue::make_capsule(c10::make_intrusive<SavedState<State>>(std::move(state)));
}

/// Once per backward pass: the graph keeps nothing, so that each function's tensors are freed as
/// soon as its gradient is computed.
template <typename State>
State take_state(torch::autograd::AutogradContext* context) {
  const auto holder = context->saved_data.at("state").toCapsule();
  context->saved_data.clear();
  return std::move(static_cast<SavedState<State>*>(holder.get())->state);
}

}  // namespace lambert
