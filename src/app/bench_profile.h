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

}  // namespace lambert
