// SPDX-License-Identifier: Apache-2.0
#include "app/nvidia_driver.h"

#include <array>
#include <functional>

#include <dlfcn.h>

namespace lambert {
namespace {

// Declared by hand: cuda.h is not there on a machine without CUDA. Functions return 0 for success.
using Result = int;
using Device = int;
constexpr int kComputeMajorAttribute = 75;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
constexpr int kComputeMinorAttribute = 76;

/// A function of the library; empty when it has none of the name.
template <typename Signature>
std::function<Signature> find_function(void* library, const char* name) {
  return reinterpret_cast<Signature*>(::dlsym(library, name));
}

std::string error_text(void* library, Result result) {
  const auto describe = find_function<Result(Result, const char**)>(library, "cuGetErrorString");
  const char* text = nullptr;
  const bool is_known = describe && describe(result, &text) == 0 && text != nullptr;
  return "error " + std::to_string(result) + (is_known ? std::string(": ") + text : "");
}

NvidiaDevice describe_device(void* library, Device device) {
  const auto name_of = find_function<Result(char*, int, Device)>(library, "cuDeviceGetName");
  const auto memory_of =
      find_function<Result(std::size_t*, Device)>(library, "cuDeviceTotalMem_v2");
  const auto attribute_of =
      find_function<Result(int*, int, Device)>(library, "cuDeviceGetAttribute");
  NvidiaDevice found;
  std::array<char, 256> name{};
  if (name_of && name_of(name.data(), static_cast<int>(name.size()) - 1, device) == 0) {
    found.name = name.data();
  }
  std::size_t bytes = 0;
  if (memory_of && memory_of(&bytes, device) == 0) {
    found.memory_bytes = bytes;
  }
  if (attribute_of) {
    attribute_of(&found.compute_major, kComputeMajorAttribute, device);
    attribute_of(&found.compute_minor, kComputeMinorAttribute, device);
  }
  return found;
}

void ask(void* library, NvidiaDriver& driver) {
  const auto initialise = find_function<Result(unsigned)>(library, "cuInit");
  const auto version_of = find_function<Result(int*)>(library, "cuDriverGetVersion");
  const auto count_of = find_function<Result(int*)>(library, "cuDeviceGetCount");
  const auto device_at = find_function<Result(Device*, int)>(library, "cuDeviceGet");
  if (!initialise || !version_of || !count_of || !device_at) {
    driver.problem = "libcuda.so.1 lacks the functions of a driver";
    return;
  }
  version_of(&driver.cuda_version);
  int count = 0;
  for (const Result result : {initialise(0), count_of(&count)}) {
    if (result != 0) {
      driver.problem = "the driver refuses to start (" + error_text(library, result) + ")";
      return;
    }
  }
  for (int i = 0; i < count; ++i) {
    Device device = 0;
    if (device_at(&device, i) == 0) {
      driver.devices.push_back(describe_device(library, device));
    }
  }
  if (driver.devices.empty()) {
    driver.problem = "the driver shows no GPU to this process";
  }
}

}  // namespace

NvidiaDriver ask_nvidia_driver() {
  NvidiaDriver driver;
  void* const library = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    driver.problem = "the loader finds no libcuda.so.1";
    return driver;
  }
  driver.has_library = true;
  ask(library, driver);
  return driver;
}

}  // namespace lambert
