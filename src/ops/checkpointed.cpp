// SPDX-License-Identifier: Apache-2.0
#include "ops/checkpointed.h"

#include <optional>

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

#include "ops/differentiable.h"

namespace lambert {

namespace {

at::Tensor without_gradients(const at::Tensor& input,
                             const std::function<at::Tensor(const at::Tensor&)>& block) {
  const at::NoGradGuard no_gradients;
  return block(input);
}

at::Tensor generator_state(const at::Device& device) {
  return at::globalContext().defaultGenerator(device).get_state();
}

/// The device's generator as it was, and after that as it is now.
class GeneratorAt {
 public:
  GeneratorAt(const at::Device& device, const at::Tensor& state)
      : generator_(at::globalContext().defaultGenerator(device)), now_(generator_.get_state()) {
    generator_.set_state(state);
  }
  ~GeneratorAt() { generator_.set_state(now_); }
  GeneratorAt(const GeneratorAt&) = delete;
  GeneratorAt& operator=(const GeneratorAt&) = delete;
  GeneratorAt(GeneratorAt&&) = delete;
  GeneratorAt& operator=(GeneratorAt&&) = delete;

 private:
  at::Generator generator_;
  at::Tensor now_;
};

}  // namespace

at::Tensor checkpointed(const at::Tensor& input,
                        const std::function<at::Tensor(const at::Tensor&)>& block,
                        bool uses_generator) {
  const at::Tensor drawn_from = uses_generator ? generator_state(input.device()) : at::Tensor();
  const auto backward = [kept = input.detach(), block,
                         drawn_from](const at::Tensor& above) -> std::vector<at::Tensor> {
    std::optional<GeneratorAt> again_drawn;
    if (drawn_from.defined()) {
      again_drawn.emplace(kept.device(), drawn_from);
    }
    const at::AutoGradMode with_gradients(true);
    const at::Tensor again = kept.detach().requires_grad_(true);
    block(again).backward(above);
    return {again.grad()};
  };
  return differentiable(without_gradients(input, block), {input}, backward);
}

}  // namespace lambert
