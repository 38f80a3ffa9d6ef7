// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace lambert {

/// The first line of a file below /proc or /sys without its line end; empty when there is none.
std::string first_line_of(const std::filesystem::path& path);

/// The whole of such a file; empty when there is none.
std::string content_of(const std::filesystem::path& path);

}  // namespace lambert
