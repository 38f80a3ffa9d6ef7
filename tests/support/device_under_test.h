// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace lambert::testing {

/// The device that a test compares with the CPU. Linked with lambert_device_on_host: a device for
/// LibTorch whose memory is the host's (cuda_on_host/device_under_test.cpp). Its tensors are not on
/// the CPU, so all that is written for a GPU runs, with the .cu files of src/kernels compiled for
/// the host; LibTorch's own operations are done by its CPU code. In the build for CUDA: the first
/// GPU.
at::Device device_under_test();

}  // namespace lambert::testing
