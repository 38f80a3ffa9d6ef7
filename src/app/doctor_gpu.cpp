// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <dlfcn.h>

#include "app/doctor.h"
#include "app/system_file.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

// LibTorch's wheel is built for CUDA 13.0, which drivers from 580 on serve.
constexpr int kNeededCuda = 13000;
constexpr const char* kNeededDriver = "580";
constexpr int kOldestCompute =
    8;  // CMakePresets.json: kernels for compute capability 8.0 and newer

/// Display and compute devices of NVIDIA's on the PCI bus: there even without a driver.
int count_cards() {
  int count = 0;
  std::error_code error;
  for (const auto& device : fs::directory_iterator("/sys/bus/pci/devices", error)) {
    const bool is_nvidia = first_line_of(device.path() / "vendor") == "0x10de";
    count += is_nvidia && first_line_of(device.path() / "class").starts_with("0x03") ? 1 : 0;
  }
  return count;
}

bool has_device_file() {
  std::error_code error;
  for (const auto& file : fs::directory_iterator("/dev", error)) {
    const std::string name = file.path().filename();
    if (name.size() > 6 && name.starts_with("nvidia") && name[6] >= '0' && name[6] <= '9') {
      return true;
    }
  }
  return false;
}

std::string cuda_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

Finding examine_card(int cards, const NvidiaDriver& driver) {
  if (cards > 0 || !driver.devices.empty()) {
    return {"NVIDIA card", FindingState::ok, std::to_string(cards) + " on the PCI bus"};
  }
  return {"NVIDIA card", FindingState::missing, "none among /sys/bus/pci/devices",
          "nothing to do for training on the CPU; for a GPU choose a machine that has one"};
}

Finding examine_driver(int cards, const NvidiaDriver& driver) {
  const std::string kernel = first_line_of("/proc/driver/nvidia/version");
  const bool has_files = has_device_file();
  Finding finding{"NVIDIA driver", FindingState::missing,
                  "/proc/driver/nvidia/version " +
                      std::string(kernel.empty() ? "absent" : "there") + ", /dev/nvidia0 " +
                      (has_files ? "there" : "absent") + ", libcuda.so.1 " +
                      (driver.has_library ? "there" : "absent")};
  if (driver.has_library && driver.cuda_version > 0) {
    finding.found = "serves CUDA " + cuda_text(driver.cuda_version) + "; " + finding.found;
  }
  if (!kernel.empty() && !(has_files && driver.has_library)) {
    finding.advice =
        "the machine has the driver, this container does not see it: start it with "
        "docker run --gpus all, or apptainer exec --nv";
  } else if (!driver.has_library) {
    finding.advice = cards > 0
                         ? "there is a card without a driver: install NVIDIA's driver, " +
                               std::string(kNeededDriver) + " or newer, and start the machine again"
                         : "comes with the card; nothing to do for training on the CPU";
  } else if (driver.cuda_version < kNeededCuda) {
    finding.advice = "too old: LibTorch needs CUDA " + cuda_text(kNeededCuda) +
                     "; install driver " + kNeededDriver + " or newer";
  } else {
    finding.state = FindingState::ok;
  }
  return finding;
}

Finding examine_devices(const NvidiaDriver& driver) {
  if (driver.devices.empty()) {
    const bool is_hidden = driver.has_library;
    return {"GPUs", FindingState::missing, driver.problem,
            is_hidden ? "see what nvidia-smi says; CUDA_VISIBLE_DEVICES may hide GPUs, and a batch "
                        "system gives only those that were asked for"
                      : ""};
  }
  std::string list;
  bool is_old = false;
  for (const NvidiaDevice& device : driver.devices) {
    list += (list.empty() ? "" : "; ") + device.name + ", compute capability " +
            std::to_string(device.compute_major) + "." + std::to_string(device.compute_minor) +
            ", " + gibibytes_text(static_cast<double>(device.memory_bytes));
    is_old |= device.compute_major < kOldestCompute;
  }
  list = std::to_string(driver.devices.size()) + ": " + list;
  if (is_old) {
    return {"GPUs", FindingState::missing, list,
            "kernels are built for compute capability " + std::to_string(kOldestCompute) +
                ".0 (A100) and newer: hide older GPUs with CUDA_VISIBLE_DEVICES"};
  }
  return {"GPUs", FindingState::ok, list};
}

/// Linking chooses the device, so what is linked tells.
bool is_loaded(const char* library) {
  return ::dlopen(library, RTLD_NOW | RTLD_NOLOAD) != nullptr;
}

Finding examine_build() {
  if (is_loaded("libtorch_cuda.so")) {
    return {"CUDA in this program", FindingState::ok, "yes"};
  }
  return {"CUDA in this program", FindingState::missing, "no: built with a CPU preset",
          "nothing to do for training on the CPU; for a GPU: scripts/setup.sh --cuda, then "
          "cmake --preset cuda && cmake --build --preset cuda"};
}

Finding examine_nccl() {
  void* library = ::dlopen("libnccl.so.2", RTLD_NOW | RTLD_NOLOAD);
  const bool is_linked = library != nullptr;
  if (!is_linked) {
    library = ::dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
  }
  if (library == nullptr) {
    return {"NCCL", FindingState::missing, "the loader finds no libnccl.so.2",
            "needed for several GPUs only; scripts/setup.sh --cuda installs it with LibTorch"};
  }
  int version = 0;  // 22809 is 2.28.9
  if (auto* const ask = reinterpret_cast<int (*)(int*)>(::dlsym(library, "ncclGetVersion"))) {
    ask(&version);
  }
  return {"NCCL", FindingState::ok,
          std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
              std::to_string(version % 100) + (is_linked ? "" : " on this machine, not linked")};
}

}  // namespace

GpuFindings examine_gpus() {
  GpuFindings result;
  result.driver = ask_nvidia_driver();
  const int cards = count_cards();
  result.findings = {examine_card(cards, result.driver), examine_driver(cards, result.driver),
                     examine_devices(result.driver), examine_build(), examine_nccl()};
  result.can_train =
      std::all_of(result.findings.begin(), result.findings.end(), [](const Finding& finding) {
        return finding.state != FindingState::missing || finding.name == "NCCL";
      });
  return result;
}

}  // namespace lambert
