// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace lambert {

/// Seconds that work took in each class of scopes, inner scopes not counted in outer ones: ours
/// ("lambert::attention") by name, all of LibTorch's own functions as "libtorch", what lies outside
/// of every scope as "between". The sum is the time of work.
std::vector<std::pair<std::string, double>> profile_classes(const std::function<void()>& work);

/// Seconds that a GPU took for the kernels and copies of work, by name; work ends when the GPU is
/// done. What no kernel covers is listed as "no kernel", so that the sum is the time of work. By
/// LibTorch's profiler.
std::vector<std::pair<std::string, double>> profile_kernels(const std::function<void()>& work);

}  // namespace lambert
