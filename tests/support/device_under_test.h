// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <ATen/core/Tensor.h>

#include "comm/communicator.h"

namespace lambert::testing {

/// The device that a test compares with the CPU. Linked with lambert_device_on_host: a device for
/// LibTorch whose memory is the host's (cuda_on_host/device_under_test.cpp). Its tensors are not on
/// the CPU, so all that is written for a GPU runs, with the .cu files of src/kernels compiled for
/// the host; LibTorch's own operations are done by its CPU code. In the build for CUDA: the first
/// GPU.
at::Device device_under_test();

/// Calls reduce with values that the host can read: the work's own, or on a GPU a copy of them,
/// which is copied back. The rings of run_ranks.h add on the host.
void reduce_in_host_memory(const RingWork& work,
                           const std::function<void(const RingWork&)>& reduce);

}  // namespace lambert::testing
