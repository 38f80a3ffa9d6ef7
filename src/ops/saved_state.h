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

template <typename State>
const State& saved_state(torch::autograd::AutogradContext* context) {
  const auto holder = context->saved_data.at("state").toCapsule();
  return static_cast<const SavedState<State>*>(holder.get())->state;
}

}  // namespace lambert
