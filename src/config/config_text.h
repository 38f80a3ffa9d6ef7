// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace lambert {

constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{1} << 20;
constexpr std::size_t kMaxConfigDepth = 64;     // levels
constexpr std::size_t kMaxConfigLine = 65'536;  // bytes

/// The file as text that is safe to parse: a regular file of at most 1 MiB, valid UTF-8 (a byte
/// order mark is removed), no control characters, no tab in an indentation, nesting and lines
/// within the limits above. Throws ConfigError with line and column.
std::string read_config_text(const std::filesystem::path& path);

/// The same rules for text that is already here; origin: what messages begin with.
void check_config_text(const std::string& text, const std::string& origin);

}  // namespace lambert
