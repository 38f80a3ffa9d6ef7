// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include <ATen/core/Tensor.h>

#include "comm/comm_device.h"
#include "config/run_config.h"

namespace lambert {

/// Where this rank computes: the CPU, or the CUDA device that has its number among the ranks of its
/// machine. automatic: CUDA where the program is built for it and the machine has a device. Throws
/// DeviceError with what was looked for when there is none for this rank, ConfigError when several
/// ranks were started and nothing tells their numbers.
at::Device choose_compute_device(DeviceKind kind);

/// The choices of matrix products belong to the run: they are kept in its directory, so that a
/// resume computes the same bits. Nothing to do on the CPU. Before the first work on the device.
void keep_product_choices(const std::filesystem::path& run_directory, const at::Device& device,
                          int rank);

/// Gives a run that is to compute the same bits as another the choices of that one.
void copy_product_choices(const std::filesystem::path& from, const std::filesystem::path& to);

/// What the communicator needs to sum on the device.
CommDevice comm_device_of(const at::Device& device);

/// Throws ConfigError for settings that the device cannot carry out.
void require_support(const CommConfig& communication, const OptimizerConfig& optimizer,
                     const at::Device& device);

}  // namespace lambert
