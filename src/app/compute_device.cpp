// SPDX-License-Identifier: Apache-2.0
#include "app/compute_device.h"

#include <string>

#include "app/nvidia_driver.h"
#include "base/error.h"
#include "base/log.h"
#include "comm/launcher.h"
#include "kernels/bfloat16_cast.h"
#include "kernels/matmul.h"
#include "ops/device.h"

namespace lambert {
namespace {

constexpr const char* kProductChoices = "matmul_choices-";  // and the rank

[[noreturn]] void refuse_without_cuda() {
  const std::string what = "choosing the device, device: cuda: ";
  if (!is_built_for(at::kCUDA)) {
    throw DeviceError(
        what +
        "this program is built without CUDA; build it with scripts/setup.sh --cuda, "
        "then cmake --preset cuda && cmake --build --preset cuda, or set device: cpu");
  }
  const NvidiaDriver driver = ask_nvidia_driver();
  throw DeviceError(what + "looked for NVIDIA's driver (libcuda.so.1: " +
                    (driver.has_library ? "there" : "absent") + ") and its devices (" +
                    (driver.problem.empty() ? "none" : driver.problem) +
                    "); run lambert doctor to see what is missing, or set device: cpu");
}

/// The casts of sums that travel in bf16.
void encode(const float* values, std::uint16_t* encoded, std::size_t count,
            CudaStreamHandle stream) {
  round_to_bfloat16({stream}, values, static_cast<std::int64_t>(count), encoded);
}
void decode(const std::uint16_t* encoded, float* values, std::size_t count,
            CudaStreamHandle stream) {
  widen_bfloat16({stream}, encoded, static_cast<std::int64_t>(count), values);
}

}  // namespace

at::Device choose_compute_device(DeviceKind kind) {
  const int count = kind == DeviceKind::cpu ? 0 : device_count(at::kCUDA);
  if (count == 0) {
    if (kind == DeviceKind::cuda) {
      refuse_without_cuda();
    }
    return at::Device(at::kCPU);
  }
  const int local_rank = launch_local_rank();
  if (local_rank >= count) {
    throw DeviceError("choosing the device: this is rank " + std::to_string(local_rank) +
                      " of its machine, counted from 0, and CUDA shows " + std::to_string(count) +
                      " devices; start one rank per device (CUDA_VISIBLE_DEVICES hides some), or "
                      "set device: cpu");
  }
  const at::Device device(at::kCUDA, static_cast<at::DeviceIndex>(local_rank));
  use_device(device);
  log_info("device " + device.str() +
           " name=" + ask_nvidia_driver().devices.at(static_cast<std::size_t>(local_rank)).name);
  return device;
}

void keep_product_choices(const std::filesystem::path& run_directory, const at::Device& device,
                          int rank) {
  if (!device.is_cpu()) {
    keep_matmul_choices(run_directory / (kProductChoices + std::to_string(rank)));
  }
}

void copy_product_choices(const std::filesystem::path& from, const std::filesystem::path& to) {
  namespace fs = std::filesystem;
  for (const fs::directory_entry& entry : fs::directory_iterator(from)) {
    if (entry.path().filename().string().starts_with(kProductChoices)) {
      fs::create_directories(to);
      fs::copy_file(entry.path(), to / entry.path().filename());
    }
  }
}

CommDevice comm_device_of(const at::Device& device) {
  CommDevice result;
  if (device.is_cuda()) {
    result.is_cuda = true;
    result.index = device.index();
    result.casts = {encode, decode};
  }
  return result;
}

void require_support(const CommConfig& communication, const OptimizerConfig& optimizer,
                     const at::Device& device) {
  if (device.is_cpu()) {
    return;
  }
  const auto refuse = [](const std::string& setting, const std::string& reason,
                         const std::string& cure) {
    throw ConfigError(setting + " on a CUDA device: " + reason + "; set " + cure +
                      ", or device: cpu");
  };
  if (communication.reduction == Reduction::reproducible) {
    refuse("communication.reduction: reproducible", "its fixed-point sums are made by the CPU",
           "communication.reduction: standard");
  }
  if (communication.error_feedback) {
    refuse("communication.error_feedback: true", "NCCL does not tell what its sums round away",
           "communication.error_feedback: false");
  }
  if (communication.backend == Backend::mpi) {
    refuse("communication.backend: mpi", "the ring of MPI sums host memory only",
           "communication.backend: nccl");
  }
  if (optimizer.name == OptimizerName::lars) {
    refuse("optimizer.name: lars", "it has no CUDA kernels", "optimizer.name: lamb or adamw");
  }
}

}  // namespace lambert
