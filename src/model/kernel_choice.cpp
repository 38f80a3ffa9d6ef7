// SPDX-License-Identifier: Apache-2.0
#include "model/kernel_choice.h"

#include "base/error.h"

namespace lambert {
namespace {

constexpr std::int64_t kFlashHeadMultiple = 8;
constexpr std::int64_t kLargestFlashHead = 256;

/// Why FlashAttention cannot compute this; empty when it can.
std::string obstacle_to_flash(const KernelRequest& request, const ModelConfig& model,
                              const at::Device& device) {
  const std::int64_t head = model.hidden_size / model.num_attention_heads;
  if (device.is_cpu()) {
    return "it runs on CUDA devices, and this run is on the CPU";
  }
  if (request.precision == Precision::fp32) {
    return "it computes in bf16 and fp16, and precision is fp32";
  }
  if (head % kFlashHeadMultiple != 0 || head > kLargestFlashHead) {
    return "its heads have a multiple of 8 numbers, 256 at most, and these have " +
           std::to_string(head);
  }
  return "";
}

}  // namespace

KernelChoice choose_kernels(const KernelRequest& request, const ModelConfig& model,
                            const at::Device& device) {
  KernelChoice choice;
  if (request.float32_matmul_precision == Float32MatmulPrecision::high) {
    choice.float32_products = Float32Products::tf32;
  }
  const std::string obstacle = obstacle_to_flash(request, model, device);
  if (request.attention_kernel == AttentionKernelName::flash && !obstacle.empty()) {
    throw ConfigError("attention_kernel: flash: " + obstacle + "; set attention_kernel: auto");
  }
  if (request.attention_kernel != AttentionKernelName::tiled && obstacle.empty()) {
    choice.attention = AttentionKernel::flash;
  }
  return choice;
}

std::string describe(const KernelChoice& choice) {
  std::string text = "attention_kernel=";
  text += choice.attention == AttentionKernel::flash ? "flash" : "tiled";
  text += " float32_products=";
  text += choice.float32_products == Float32Products::tf32 ? "tf32" : "ieee";
  return text;
}

}  // namespace lambert
